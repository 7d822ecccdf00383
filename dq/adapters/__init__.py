"""What others keep beside the curated zone, or are told, once a partition is published. `ADAPTERS` maps a name to the
class that does it, loaded when first asked for."""

ADAPTERS = {
    "glue": "dq.adapters.glue:Glue",
    "symlink": "dq.adapters.files:Symlink",
    "manifest": "dq.adapters.files:Manifest",
    "flat": "dq.adapters.files:Flat",
    "tags.published": "dq.adapters.tags:Tags",
    "tags.landing": "dq.adapters.tags:LandingTags",
    "sns": "dq.adapters.events:Sns",
    "eventbridge": "dq.adapters.events:EventBridge",
}
