import { testBadInputs } from "./bad-input-tests.ts";
import { PRESENCE } from "./presence.ts";

testBadInputs(PRESENCE);
