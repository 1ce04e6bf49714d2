/**
 * Lets the browser make a passkey, or sign with one. What it is asked for stands in the form, what comes of it goes back with the form;
 * this script keeps nothing and decides nothing.
 */
export const passkeyScript = String.raw`'use strict';
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const ids = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

  const make = async (options) => {
    const { challenge, user, excludeCredentials } = options;
    const publicKey = { ...options, challenge: bytes(challenge), user: { ...user, id: bytes(user.id) }, excludeCredentials: ids(excludeCredentials) };
    const { rawId, response } = await navigator.credentials.create({ publicKey });
    return {
      credential: text(rawId),
      client_data: text(response.clientDataJSON),
      attestation: text(response.attestationObject),
      transports: (response.getTransports?.() ?? []).join(' '),
    };
  };
  const use = async (options) => {
    const { challenge, allowCredentials } = options;
    const { rawId, response } = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(challenge), allowCredentials: ids(allowCredentials) } });
    return {
      credential: text(rawId),
      client_data: text(response.clientDataJSON),
      authenticator_data: text(response.authenticatorData),
      signature: text(response.signature),
    };
  };
  const why = (error) => {
    if (error?.name === 'InvalidStateError') return 'This device holds a passkey of yours for Countersign already.';
    if (error?.name === 'NotAllowedError') return 'Nothing was done: it was cancelled, it took too long, or this device has no passkey that fits.';
    if (error?.name === 'SecurityError') return 'The browser does not take this address for the one that passkeys are made for.';
    return 'The browser could not do it. Nothing was changed.';
  };

  for (const form of document.querySelectorAll('form[data-passkey]')) {
    const note = form.querySelector('[data-note]');
    const button = form.querySelector('button');
    const tell = (words) => { note.textContent = words; };
    if (!window.PublicKeyCredential) { tell('This browser cannot use passkeys. Take another browser, or another device.'); continue; }
    button.disabled = false;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      tell('Your browser or your device asks you now.');
      try {
        const options = JSON.parse(form.dataset.options);
        const fields = await (form.dataset.passkey === 'make' ? make(options) : use(options));
        for (const [name, value] of Object.entries(fields)) form.elements.namedItem(name).value = value;
        form.submit();
      } catch (error) {
        tell(why(error));
        button.disabled = false;
      }
    });
  }
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
})();
`;
