import { testBadInputs } from "./bad-input-tests.ts";
import { FRAMING } from "./framing.ts";

testBadInputs(FRAMING);
