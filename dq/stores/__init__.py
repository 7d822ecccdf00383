"""Where zones live. `STORES` maps a scheme to the class that serves it, loaded when first asked for."""

STORES = {
    "file": "dq.stores.local:LocalStore",
    "memory": "dq.stores.memory:MemoryStore",
    "s3": "dq.stores.s3:S3Store",
}
