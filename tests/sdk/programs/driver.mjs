// Asks again and again, two at a time in each way, until standard input ends; says of each request how it went.
import { setTimeout as pause } from "node:timers/promises";

export const RETRIES = process.env.RETRIES; // "default", or how many the SDK is to make

let ended = false;
process.stdin.on("end", () => { ended = true; }).resume();

async function work(name, worker, ask) {
  for (let number = 0; !ended; number++) {
    const said = `${RETRIES} ${name} ${worker} ${number}`;
    let how;
    try {
      const reply = await ask(said);
      how = reply === `You said: ${said}` ? "ok" : `failed: ${JSON.stringify(reply)}`;
    } catch (error) {
      how = `failed: ${error.name}: ${error.message}`.slice(0, 300);
    }
    console.log(`${name} ${how}`);
    await pause(20);
  }
}

// `ways`: a name, and a function that says a text to the model and returns its reply.
export async function run(ways) {
  await Promise.all(Object.entries(ways).flatMap(([name, ask]) => [0, 1].map((worker) => work(name, worker, ask))));
}
