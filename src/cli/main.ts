#!/usr/bin/env node
import { processIo } from "./io.ts";
import { runProcess } from "./process.ts";
import { main } from "./program.ts";

const io = processIo();
await runProcess((argv) => main(argv, io), io.err);
