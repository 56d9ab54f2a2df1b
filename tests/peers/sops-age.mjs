// Prints what a file holds, as JSON, as the npm package sops-age reads it: FORMAT KEYFILE FILE.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, format, keys, file] = process.argv.slice(2);
const { decryptSops } = createRequire(`${modules}/`)("sops-age");
const secretKey = readFileSync(keys, "utf8")
  .split("\n")
  .find((line) => line.startsWith("AGE-SECRET-KEY-1"));
const held = await decryptSops(readFileSync(file, "utf8"), {
  fileType: format === "dotenv" ? "env" : format,
  secretKey,
});
console.log(JSON.stringify(held));
