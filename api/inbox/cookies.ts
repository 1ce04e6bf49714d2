import type { FastifyReply, FastifyRequest } from 'fastify';

/** The inbox's cookies by what they are for. */
export type CookieName = 'session' | 'login' | 'flash' | 'left';

/** Reads and writes the inbox's cookies. All are HttpOnly, SameSite=Lax, and `__Host-` where the origin is secure. */
export type Cookies = {
  read(request: FastifyRequest, name: CookieName): string | undefined;
  write(reply: FastifyReply, name: CookieName, value: string, maxAgeSeconds: number): void;
  clear(reply: FastifyReply, name: CookieName): void;
};

/** Cookies for a site. `secure` is false for http on loopback only. */
export function createCookies(secure: boolean): Cookies {
  const full = (name: CookieName) => `${secure ? '__Host-' : ''}countersign_${name}`;
  const set = (reply: FastifyReply, name: CookieName, value: string, maxAge: number) => {
    // Path=/ because the __Host- prefix asks for it.
    void reply.header('set-cookie', `${full(name)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`);
  };
  return {
    read: (request, name) => {
      const values = (request.headers.cookie ?? '')
        .split(';')
        .map((pair) => pair.trim())
        .filter((pair) => pair.startsWith(`${full(name)}=`));
      // Two cookies of one name mean that somebody else set one of them; believe neither.
      return values.length === 1 ? values[0]?.slice(full(name).length + 1) : undefined;
    },
    write: set,
    clear: (reply, name) => set(reply, name, '', 0),
  };
}
