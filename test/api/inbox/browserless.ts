/** A browser's cookies and redirects over plain fetch, nothing more. */
export class Visitor {
  readonly cookies = new Map<string, string>();
  constructor(readonly base: string) {}

  /** One request; redirects are not followed. */
  async ask(
    target: string,
    init: { readonly method?: string; readonly form?: Record<string, string>; readonly headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const url = new URL(target, this.base);
    const headers: Record<string, string> = { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '), ...init.headers };
    if (init.form !== undefined) headers['content-type'] ??= 'application/x-www-form-urlencoded';
    const response = await fetch(url, {
      method: init.method ?? (init.form === undefined ? 'GET' : 'POST'),
      headers,
      redirect: 'manual',
      ...(init.form === undefined ? {} : { body: new URLSearchParams(init.form).toString() }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';');
      const at = pair.indexOf('=');
      const gone = attributes.some((one) => /^\s*max-age=0$/i.test(one) || /^\s*expires=Thu, 01 Jan 1970/i.test(one));
      if (gone) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }

  /** Follows redirects, and pages that refresh to another, until there are none. Returns the last answer with its address. */
  async follow(
    target: string,
    init: Parameters<Visitor['ask']>[1] = {},
  ): Promise<{ readonly response: Response; readonly url: URL; readonly trail: readonly string[] }> {
    let url = new URL(target, this.base);
    let response = await this.ask(url.href, init);
    const trail: string[] = [];
    for (let hop = 0; hop < 12; hop += 1) {
      const next = onward(response);
      if (next === undefined) break;
      url = new URL(next, url);
      trail.push(url.href);
      response = await this.ask(url.href);
    }
    return { response, url, trail };
  }

  /** Signs in at the development provider as one of the sample people. */
  async signIn(subject: string, start = '/inbox'): Promise<{ readonly response: Response; readonly url: URL; readonly page: string }> {
    const provider = await this.follow(start);
    const { response, url } = await this.follow(provider.url.href, { form: { person: subject } });
    return { response, url, page: await response.text() };
  }
}

/** Where a browser goes on by itself from an answer. */
export function onward(response: Response): string | undefined {
  if (response.status >= 300 && response.status < 400) return response.headers.get('location') ?? '';
  return /^0;url=(.+)$/.exec(response.headers.get('refresh') ?? '')?.[1];
}

/** The value of a hidden field of a page. */
export function hidden(page: string, name: string): string {
  const found = new RegExp(`name="${name}"\\s+value="([^"]*)"`).exec(page);
  if (found?.[1] === undefined) throw new Error(`the page has no field ${name}`);
  return found[1];
}
