/** The one way this site's pages talk to /api/v1/: session cookie, CSRF header, errors as ApiError. */

/** What the server says about a refused request: {code, message, hint, reference}. */
export interface ErrorBody {
  code: string;
  message: string;
  hint?: string;
  reference?: string;
}

/** A refused request (HTTP 4xx or 5xx) or, with status 0, a server that could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: ErrorBody & Record<string, unknown>;

  constructor(status: number, body: ErrorBody & Record<string, unknown>) {
    super(body.message);
    this.name = 'ApiError';
    this.status = status;
    this.body = body;
  }

  /** True when the server was not reached at all. */
  get offline(): boolean {
    return this.status === 0;
  }

  /** Message and hint as one text for a person. */
  get sentence(): string {
    return this.body.hint ? `${this.body.message} ${this.body.hint}` : this.body.message;
  }
}

/** One page of a list. */
export interface Page<T> {
  results: T[];
  next: string | null;
  count: number;
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is (bytes, FormData). */
  body?: BodyInit;
  contentType?: string;
  /** Revision the change is based on, sent as If-Match. */
  ifMatch?: number;
  signal?: AbortSignal;
}

export const API_ROOT = '/api/v1/';

/** The value of a cookie, or '' when there is none. */
export function cookie(name: string): string {
  const found = document.cookie.split('; ').find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : '';
}

/** The CSRF token: the cookie, or the page's hidden form field when the cookie is HttpOnly. */
export function csrfToken(): string {
  const field = document.querySelector<HTMLInputElement>('input[name=csrfmiddlewaretoken]');
  return cookie('csrftoken') || field?.value || '';
}

/** Paths such as 'series/1/' are relative to /api/v1/; those that start with '/' are taken as they are. */
export function apiUrl(path: string): string {
  return path.startsWith('/') || path.startsWith('http') ? path : API_ROOT + path;
}

function requestInit(options: RequestOptions): RequestInit {
  const method = options.method ?? 'GET';
  const headers = new Headers({ Accept: 'application/json' });
  if (method !== 'GET') headers.set('X-CSRFToken', csrfToken());
  if (options.json !== undefined) headers.set('Content-Type', 'application/json');
  if (options.contentType) headers.set('Content-Type', options.contentType);
  if (options.ifMatch !== undefined) headers.set('If-Match', `"${options.ifMatch}"`);
  const init: RequestInit = { method, headers, credentials: 'same-origin' };
  if (options.json !== undefined) init.body = JSON.stringify(options.json);
  else if (options.body !== undefined) init.body = options.body;
  if (options.signal) init.signal = options.signal;
  return init;
}

async function errorOf(response: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {};
  try {
    body = (await response.json()) as Record<string, unknown>;
  } catch {
    // An error page of a proxy is HTML: the status alone has to do.
  }
  const said = body as Partial<ErrorBody>;
  return new ApiError(response.status, {
    ...body,
    code: said.code ?? `http_${response.status}`,
    message: said.message ?? `The server answered ${response.status}.`,
  });
}

/** Sends a request and returns the response. Throws ApiError when refused or unreachable (status 0). */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(apiUrl(path), requestInit(options));
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, { code: 'offline', message: 'The server cannot be reached.' });
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** Sends a request and returns its JSON. */
export async function json<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** All results of a paged list, page after page. */
export async function list<T>(path: string): Promise<T[]> {
  const found: T[] = [];
  let next: string | null = path;
  while (next) {
    const page: Page<T> = await json<Page<T>>(next);
    found.push(...page.results);
    next = page.next ? new URL(page.next, location.href).pathname + new URL(page.next, location.href).search : null;
  }
  return found;
}
