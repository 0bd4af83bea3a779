#!/usr/bin/env node
import { runProcess } from "../../cli/process.ts";
import { lookForCredentialsAsBoto3 } from "../boto3.ts";
import { processDropInIo } from "../hand-out.ts";
import { main } from "./program.ts";

lookForCredentialsAsBoto3(process.env);
const io = processDropInIo();
await runProcess((argv) => main(argv, io), io.err);
