import { summarize } from "../src/report/words.ts";
import { show } from "./table.ts";
import { FleetReport } from "../src/cli/fleet-report.ts";
