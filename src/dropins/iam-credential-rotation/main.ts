#!/usr/bin/env node
import { runProcess } from "../../cli/process.ts";
import { processDropInIo } from "../hand-out.ts";
import { main } from "./program.ts";

const io = processDropInIo();
await runProcess((argv) => main(argv, io), io.err);
