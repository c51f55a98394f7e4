// The package has types, but its manifest does not lead to them.
declare module "y-leveldb" {
  export class LeveldbPersistence {
    constructor(folder: string);
    storeUpdate(document: string, update: Uint8Array): Promise<number>;
    flushDocument(document: string): Promise<void>;
    setMeta(document: string, key: string, value: unknown): Promise<void>;
    getAllDocNames(): Promise<string[]>;
    destroy(): Promise<void>;
  }
}
