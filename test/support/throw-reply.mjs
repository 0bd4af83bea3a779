// Loaded before a program of this package (`node --import`): throws, where nobody can catch it, an error that carries the reply
// of CreateAccessKey in every place that an error has. THROWS=rejection leaves a promise rejected with it instead.
import { IncomingMessage } from "node:http";

const push = Reflect.get(IncomingMessage.prototype, "push");

IncomingMessage.prototype.push = function (chunk, ...rest) {
  const body = String(chunk ?? "");
  if (body.includes("<SecretAccessKey>")) {
    const error = new SyntaxError(`Unexpected token in ${body}`, { cause: new Error(body) });
    Object.assign(error, { name: `Bad ${body}`, $response: { body }, $metadata: { body }, toString: () => body });
    if (process.env.THROWS === "rejection") void Promise.reject(error);
    else
      setImmediate(() => {
        throw error;
      });
  }
  return push.call(this, chunk, ...rest);
};
