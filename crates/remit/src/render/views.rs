//! What lists and single things show, noun by noun.
use super::cells::{Column, Shape, View, shaped, text_at, time_at};

const NUMBER: Column = text_at("NUMBER", "/number");
const TARGETS: Column = text_at("TARGETS", "/targets");
const STANDING: Column = shaped("STANDING", "/standing", Shape::Standing);

/// Requests.
pub(crate) static REQUESTS: View = View {
    id: "/number",
    columns: &[
        NUMBER,
        text_at("WHO", "/requester/name"),
        text_at("PRIVILEGE", "/title"),
        STANDING,
        shaped("FOR", "/duration_seconds", Shape::Length),
        shaped("WAITS-FOR", "/seats", Shape::Seats),
        time_at("SENT", "/sent_at"),
    ],
    wide: &[
        text_at("KIND", "/kind"),
        text_at("ID", "/privilege"),
        TARGETS,
        text_at("TICKET", "/ticket"),
        text_at("IMPACT", "/impact/score"),
        text_at("GRANT", "/grant"),
        time_at("ANSWER-BY", "/expires_at"),
        shaped("ANSWERS", "/answers", Shape::Labelled),
        text_at("DENIED-BY", "/denied/by/name"),
        text_at("DENIED-BECAUSE", "/denied/comment"),
        text_at("MAY", "/may"),
        text_at("ENTRIES", "/entries"),
    ],
    none: "no requests",
};

/// Grants.
pub(crate) static GRANTS: View = View {
    id: "/number",
    columns: &[
        NUMBER,
        text_at("WHO", "/holder/name"),
        text_at("PRIVILEGE", "/title"),
        STANDING,
        time_at("ENDS", "/expires_at"),
        text_at("ENDED", "/reason"),
        shaped("REVIEW", "/review/standing", Shape::Standing),
    ],
    wide: &[
        text_at("REQUEST", "/request"),
        text_at("ID", "/privilege"),
        TARGETS,
        text_at("BREAK-GLASS", "/break_glass"),
        text_at("IMPACT", "/impact"),
        text_at("APPROVED-BY", "/approved_by"),
        text_at("CALLS", "/usage/calls"),
        text_at("ROWS", "/usage/rows"),
        text_at("REFUSALS", "/usage/refusals"),
        time_at("REVIEW-BY", "/review/due_at"),
        text_at("REVIEWERS", "/review/reviewers"),
        text_at("REVIEWED-BY", "/review/by/name"),
        text_at("FINDING", "/review/comment"),
        text_at("ORIGIN", "/origin"),
        text_at("MAY", "/may"),
        text_at("ENTRIES", "/entries"),
    ],
    none: "no grants",
};

/// Grants whose use somebody should look at.
pub(crate) static REVIEWS: View = View {
    id: "/number",
    columns: &[
        NUMBER,
        text_at("WHO", "/holder/name"),
        text_at("PRIVILEGE", "/title"),
        text_at("BREAK-GLASS", "/break_glass"),
        text_at("CALLS", "/usage/calls"),
        text_at("REFUSALS", "/usage/refusals"),
        time_at("REVIEW-BY", "/review/due_at"),
    ],
    wide: &[
        text_at("REVIEWERS", "/review/reviewers"),
        text_at("ESCALATED", "/review/escalated"),
        text_at("REQUEST", "/request"),
        TARGETS,
        text_at("APPROVED-BY", "/approved_by"),
        text_at("ROWS", "/usage/rows"),
        time_at("ACTIVATED", "/activated_at"),
        time_at("ENDED-AT", "/ended_at"),
        text_at("ENDED", "/reason"),
        text_at("ENTRIES", "/entries"),
    ],
    none: "nothing waits for your review",
};

/// What was done with a grant.
pub(crate) static USES: View = View {
    id: "/entry",
    columns: &[
        text_at("ENTRY", "/entry"),
        time_at("AT", "/at"),
        text_at("WHAT", "/what"),
        text_at("REFUSED", "/refused"),
        text_at("STATUS", "/status"),
    ],
    wide: &[
        text_at("ACTIONS", "/actions"),
        TARGETS,
        text_at("BYTES", "/bytes"),
        text_at("ROWS", "/rows"),
        text_at("CUT", "/cut"),
    ],
    none: "nothing was done with it",
};

/// Privileges.
pub(crate) static PRIVILEGES: View = View {
    id: "/id",
    columns: &[
        text_at("PRIVILEGE", "/id"),
        text_at("TITLE", "/title"),
        text_at("PLATFORM", "/platform"),
        text_at("PHASE", "/phase"),
        shaped("LONGEST", "/grant_seconds_max", Shape::Length),
        text_at("FITS", "/fits"),
    ],
    wide: &[
        text_at("MISSING", "/missing"),
        text_at("SUMMARY", "/summary"),
        text_at("CAN", "/can"),
        text_at("CANNOT", "/cannot"),
        TARGETS,
        text_at("OWNER", "/owner"),
        text_at("TICKET", "/ticket_prefixes"),
        shaped("ANSWERS", "/template", Shape::Labelled),
        shaped("CONFIRM", "/risk_controls", Shape::Labelled),
        text_at("SMALLER", "/smaller"),
        shaped("BREAK-GLASS", "/break_glass_seconds_max", Shape::Length),
    ],
    none: "nothing can be asked for",
};

/// Targets of the catalog.
pub(crate) static TARGETS_OF_CATALOG: View = View {
    id: "/id",
    columns: &[
        text_at("TARGET", "/id"),
        text_at("TITLE", "/title"),
        text_at("PLATFORM", "/platform"),
        text_at("ENVIRONMENT", "/environment"),
        text_at("DATA", "/data_class"),
        text_at("DATA-OWNER", "/data_owner"),
    ],
    wide: &[text_at("PROJECT", "/project")],
    none: "there are no targets",
};

/// Findings of a pre-check.
pub(crate) static FINDINGS: View = View {
    id: "/rule",
    columns: &[
        shaped("OUTCOME", "/outcome", Shape::Standing),
        text_at("RULE", "/rule"),
        text_at("FINDING", "/text"),
        text_at("TRY", "/fix"),
    ],
    wide: &[text_at("WHY", "/why")],
    none: "nothing to say",
};

/// Entries of the ledger.
pub(crate) static ENTRIES: View = View {
    id: "/entry",
    columns: &[
        text_at("ENTRY", "/entry"),
        time_at("AT", "/at"),
        text_at("WHO", "/person/name"),
        text_at("WHAT", "/summary"),
        shaped("OUTCOME", "/outcome", Shape::Standing),
    ],
    wide: &[
        text_at("KIND", "/kind"),
        text_at("PRIVILEGE", "/privilege"),
        TARGETS,
        text_at("REQUEST", "/request"),
        text_at("GRANT", "/grant"),
    ],
    none: "no entries",
};

/// One entry with its proof.
pub(crate) static PROVEN: View = View {
    id: "/entry/entry",
    columns: &[
        text_at("ENTRY", "/entry/entry"),
        time_at("AT", "/entry/at"),
        text_at("WHO", "/entry/person/name"),
        text_at("WHAT", "/entry/summary"),
        shaped("OUTCOME", "/entry/outcome", Shape::Standing),
        text_at("GENUINE", "/genuine"),
    ],
    wide: &[
        text_at("KIND", "/entry/kind"),
        text_at("PRIVILEGE", "/entry/privilege"),
        text_at("REQUEST", "/entry/request"),
        text_at("GRANT", "/entry/grant"),
        text_at("HASH", "/hash"),
        text_at("TREE", "/tree_size"),
        text_at("ROOT", "/root"),
    ],
    none: "no entry",
};

/// What grants lent at an instant.
pub(crate) static ACCESS: View = View {
    id: "/grant",
    columns: &[
        text_at("WHO", "/person/id"),
        text_at("PRIVILEGE", "/privilege"),
        TARGETS,
        shaped("STANDING", "/standing", Shape::Standing),
        time_at("UNTIL", "/until"),
        text_at("GRANT", "/grant"),
        text_at("ENTRIES", "/entries"),
    ],
    wide: &[
        text_at("NAME", "/person/name"),
        text_at("ACTIONS", "/actions"),
        text_at("REASON", "/reason"),
        time_at("SINCE", "/since"),
        text_at("REQUEST", "/request"),
        text_at("APPROVED-BY", "/approved_by"),
        text_at("DUTIES", "/approved_duties"),
        text_at("BREAK-GLASS", "/break_glass"),
        text_at("IMPACT", "/impact"),
    ],
    none: "nobody could do anything",
};

/// Somebody.
pub(crate) static ME: View = View {
    id: "/person/id",
    columns: &[
        text_at("ACCOUNT", "/account"),
        text_at("PERSON", "/person/id"),
        text_at("NAME", "/person/name"),
        text_at("DUTIES", "/duties"),
    ],
    wide: &[text_at("JOB-ROLES", "/job_roles"), text_at("TEAM", "/team")],
    none: "nobody",
};

/// People of the directory.
pub(crate) static PEOPLE: View = View {
    id: "/id",
    columns: &[text_at("PERSON", "/id"), text_at("NAME", "/name")],
    wide: &[],
    none: "nobody is in the directory",
};

/// Bundles.
pub(crate) static BUNDLES: View = View {
    id: "/in_force",
    columns: &[
        text_at("IN-FORCE", "/in_force"),
        text_at("PROPOSED", "/proposed"),
        text_at("PROPOSED-BY", "/proposed_by"),
    ],
    wide: &[],
    none: "no bundle",
};

/// The quarantine of a restored server.
pub(crate) static QUARANTINE: View = View {
    id: "/quarantined",
    columns: &[
        text_at("QUARANTINED", "/quarantined"),
        time_at("SINCE", "/since"),
        text_at("COPIED-AT", "/copied"),
        text_at("WAITING", "/waiting"),
        text_at("RECONCILED", "/reconciled"),
        text_at("STRAYS", "/strays"),
    ],
    wide: &[],
    none: "no quarantine",
};

/// What is wrong in a data folder.
pub(crate) static CHANGED_ROWS: View = View {
    id: "/file",
    columns: &[
        text_at("FILE", "/file"),
        text_at("TABLE", "/table"),
        text_at("ROW", "/row"),
        text_at("WHAT", "/what"),
        text_at("DO", "/remedy"),
    ],
    wide: &[],
    none: "nothing is wrong",
};

/// Legal holds.
pub(crate) static LEGAL_HOLDS: View = View {
    id: "/id",
    columns: &[text_at("LEGAL-HOLD", "/id"), text_at("PERSONS", "/persons")],
    wide: &[],
    none: "no legal hold",
};

/// That something was recorded.
pub(crate) static DONE: View = View {
    id: "/entry",
    columns: &[text_at("ENTRY", "/entry"), time_at("AT", "/at")],
    wide: &[],
    none: "nothing",
};

/// What a grant is used with.
pub(crate) static VARIABLES: View = View {
    id: "/name",
    columns: &[text_at("NAME", "/name"), text_at("VALUE", "/value")],
    wide: &[],
    none: "there is nothing to use it with",
};

/// Witnesses of the log.
pub(crate) static WITNESSES: View = View {
    id: "/name",
    columns: &[
        text_at("WITNESS", "/name"),
        text_at("COSIGNED", "/size"),
        time_at("AT", "/at"),
        text_at("AGE-SECONDS", "/age_seconds"),
        text_at("TROUBLE", "/trouble"),
    ],
    wide: &[],
    none: "the log has no witnesses",
};

/// A checkpoint.
pub(crate) static CHECKPOINT: View = View {
    id: "/size",
    columns: &[
        text_at("ORIGIN", "/origin"),
        text_at("SIZE", "/size"),
        text_at("ROOT", "/root"),
        text_at("SIGNATURE", "/signature"),
    ],
    wide: &[],
    none: "no checkpoint",
};
