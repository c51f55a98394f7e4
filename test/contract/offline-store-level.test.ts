import { openLevelStore } from "../../client/src/offline/level-store.ts";
import { MemoryRows } from "../support/offline-databases.ts";
import { offlineStoreContract } from "./offline-store.contract.ts";
import { temporaryFolder } from "./temporary-folder.ts";

offlineStoreContract({
  name: "LevelDB",
  create: async () => {
    const folder = await temporaryFolder();
    return () => openLevelStore(folder);
  },
});

offlineStoreContract({
  name: "in-memory",
  create: async () => {
    const rows = new MemoryRows();
    return () => openLevelStore("memory", { openDatabase: rows.open });
  },
});
