// How a program here and the test that runs it talk: JSON, one object a line.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const hear = async () => JSON.parse((await lines.next()).value);

export const tell = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);

export const given = await hear();

/** Runs the scenario that the test names, then ends the program whatever is still open. */
export const play = async (scenarios) => {
  await scenarios[given.scenario]();
  process.stdout.write("", () => process.exit(0));
};
