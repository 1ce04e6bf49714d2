/** The mark: one stroke of a signature, and a second one that makes it valid. */
export const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-linecap="round" stroke-linejoin="round">
<rect width="32" height="32" rx="8" fill="#3a45b5"/>
<path d="M6.5 17.2l4.2 4.3L19 11" stroke="#a9b4ff" stroke-width="3"/>
<path d="M13.6 19.4l2.3 2.1L25.5 10.5" stroke="#fff" stroke-width="3"/>
</svg>
`;
