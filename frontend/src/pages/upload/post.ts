/** One multipart request with progress of the bytes sent, which fetch does not tell. */
import { ApiError, csrfToken, type ErrorBody } from '../../shared/api';

function errorOf(request: XMLHttpRequest): ApiError {
  const said = (request.response ?? {}) as Partial<ErrorBody>;
  return new ApiError(request.status, {
    ...said,
    code: said.code ?? `http_${request.status}`,
    message: said.message ?? `The server answered ${request.status}.`,
  });
}

/** Posts a form; rejects with ApiError, status 0 when the server cannot be reached. */
export function post<T>(url: string, form: FormData, onBytes: (sent: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const lost = (): void => reject(new ApiError(0, { code: 'offline', message: 'The server cannot be reached.' }));
    request.open('POST', url);
    request.responseType = 'json';
    request.setRequestHeader('X-CSRFToken', csrfToken());
    request.setRequestHeader('Accept', 'application/json');
    request.upload.addEventListener('progress', (event) => onBytes(event.loaded));
    request.addEventListener('error', lost);
    request.addEventListener('timeout', lost);
    request.addEventListener('load', () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response as T);
      else reject(errorOf(request));
    });
    request.send(form);
  });
}
