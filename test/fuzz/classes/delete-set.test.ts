import { testBadInputs } from "./bad-input-tests.ts";
import { DELETE_SET } from "./delete-set.ts";

testBadInputs(DELETE_SET);
