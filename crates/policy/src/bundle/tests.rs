//! What a broken bundle is told: the example bundle with one thing changed in each case, and the whole text of every mistake.
use crate::{Bundle, Mistake, fixture::files};

/// All mistakes of the example with `from` replaced by `to` in one file.
fn check(path: &str, from: &str, to: &str) -> String {
    let files_before = files(&[]);
    let text = std::str::from_utf8(files_before.content(path).unwrap()).unwrap();
    assert!(text.contains(from), "`{from}` is in `{path}`");
    told(&[(path, Some(&text.replacen(from, to, 1)))])
}

/// All mistakes of the example with whole files changed.
fn told(changes: &[(&str, Option<&str>)]) -> String {
    let mistakes = Bundle::load(&files(changes)).unwrap_err();
    let lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    lines.join("\n")
}

const LEDGERLY: &str = "catalog/platforms/ledgerly.toml";
const LENT: &str = "catalog/privileges/ledgerly.toml";
const WAREHOUSE: &str = "catalog/privileges/warehouse.toml";
const RULES: &str = "catalog/rules.toml";
const USE: &str = "policies/use.cedar";

#[test]
fn a_field_nobody_knows_is_named_with_the_nearest_one() {
    insta::assert_snapshot!(check(LENT, "summary = ", "sumary = "), @r"
    catalog/privileges/ledgerly.toml:3:12: the privilege `ledgerly-read-suppliers` has no `summary`
    catalog/privileges/ledgerly.toml:5:1: `sumary` is not a field of the privilege `ledgerly-read-suppliers`
      help: did you mean `summary`?
    ");
    insta::assert_snapshot!(check(LEDGERLY, "[platform.ledgerly]", "[platfrom.ledgerly]"), @r"
    catalog/platforms/ledgerly.toml:3:2: `platfrom` is not a field of a file of the catalog
      help: did you mean `platform`?
    catalog/platforms/ledgerly.toml:6:11: the platform `ledgerly` has no `title`
    ");
    insta::assert_snapshot!(check(RULES, "open-requests", "most"), @"catalog/rules.toml:3:2: `terms` has no `open-requests`");
}

#[test]
fn a_value_of_the_wrong_type_or_form_is_told() {
    insta::assert_snapshot!(check(LENT, "title = \"Look up suppliers\"", "title = 7"), @r"
    catalog/privileges/ledgerly.toml:4:9: `title` is a whole number; text is needed
    ");
    insta::assert_snapshot!(check(LENT, "title = \"Look up suppliers\"", "title = \" \""), @"catalog/privileges/ledgerly.toml:4:9: `title` is empty");
    insta::assert_snapshot!(check(LENT, "targets = [\"ledgerly.suppliers\"]", "targets = \"ledgerly.suppliers\""), @r"
    catalog/privileges/ledgerly.toml:11:11: `targets` is text; a list is needed
    ");
    insta::assert_snapshot!(check(LENT, "phase = \"run-time\"", "phase = \"runtime\""), @r"
    catalog/privileges/ledgerly.toml:8:9: `runtime` is not possible for `phase`
      help: write `build-time` or `run-time`
    ");
    insta::assert_snapshot!(check(LENT, "owner = \"p-novak\"", "owner = \"P. Novak\""), @r"
    catalog/privileges/ledgerly.toml:12:9: `P. Novak` is not an id: use 1 to 64 of a-z, 0-9, `.`, `_`, `-`, starting with a letter or digit
    ");
    insta::assert_snapshot!(check(LENT, "bytes = \"5 MB\"", "bytes = \"5 MiB\""), @r"
    catalog/privileges/ledgerly.toml:16:45: `5 MiB` is not an amount of data
      help: write `500 kB`, `20 MB` or `1 GB`
    ");
    insta::assert_snapshot!(check(LENT, "required = false", "required = \"no\""), @r"
    catalog/privileges/ledgerly.toml:17:23: `required` is text; true or false is needed
    ");
    insta::assert_snapshot!(check(RULES, "from = 2026-12-30T00:00:00+01:00", "from = 2026-12-30"), @r"
    catalog/rules.toml:41:8: `from` names no instant
      help: write date, time and offset: 2026-12-24T00:00:00+01:00
    ");
}

#[test]
fn an_id_that_is_not_declared_is_told_with_the_nearest_one() {
    insta::assert_snapshot!(check(LENT, "duty = \"security\"", "duty = \"securty\""), @r"
    catalog/privileges/ledgerly.toml:55:29: there is no duty `securty`
      help: did you mean `security`?
    ");
    insta::assert_snapshot!(check(LENT, "\"duty:security\"", "\"duty:plumbing\""), @r"
    catalog/privileges/ledgerly.toml:211:32: there is no duty `plumbing`
    ");
    insta::assert_snapshot!(check(LENT, "group:finance-leads", "group:finance-leaders"), @r"
    catalog/privileges/ledgerly.toml:56:36: there is no group `finance-leaders`
      help: did you mean `finance-leads`?
    ");
    insta::assert_snapshot!(check(LENT, "lessons = [\"finance-data\"]", "lessons = [\"finance-date\"]"), @r"
    catalog/privileges/ledgerly.toml:13:75: there is no lesson `finance-date`
      help: did you mean `finance-data`?
    ");
    insta::assert_snapshot!(check(LENT, "actions = [\"supplier.read\"]", "actions = [\"suplier.read\"]"), @r"
    catalog/privileges/ledgerly.toml:10:12: there is no action `suplier.read` in the platform `ledgerly`
      help: did you mean `supplier.read`?
    ");
    insta::assert_snapshot!(check(LENT, "smaller = [\"ledgerly-read-suppliers\"]", "smaller = [\"ledgerly-read-supplier\"]"), @r"
    catalog/privileges/ledgerly.toml:48:12: there is no privilege `ledgerly-read-supplier`
      help: did you mean `ledgerly-read-suppliers`?
    ");
    insta::assert_snapshot!(check(LEDGERLY, "target = \"ledgerly.suppliers\"", "target = \"ledgerly.supplier\""), @r"
    catalog/platforms/ledgerly.toml:16:10: there is no target `ledgerly.supplier` in the platform `ledgerly`
      help: did you mean `ledgerly.suppliers`?
    ");
    insta::assert_snapshot!(check(LEDGERLY, "project = \"supplier-desk\"", "project = \"supply\""), @r"
    catalog/platforms/ledgerly.toml:50:11: there is no project `supply`
    ");
    insta::assert_snapshot!(check(RULES, "platforms = [\"warehouse\"]", "platforms = [\"warehause\"]"), @r"
    catalog/rules.toml:44:14: there is no platform `warehause`
      help: did you mean `warehouse`?
    ");
}

#[test]
fn a_target_or_action_of_another_platform_is_told() {
    insta::assert_snapshot!(check(LENT, "targets = [\"ledgerly.suppliers\"]", "targets = [\"warehouse.invoices\"]"), @r"
    catalog/privileges/ledgerly.toml:11:12: the target `warehouse.invoices` is not in the platform `ledgerly`
    ");
    insta::assert_snapshot!(check(LENT, "actions = [\"supplier.read\"]", "actions = [\"table.read\"]"), @r"
    catalog/privileges/ledgerly.toml:10:12: there is no action `table.read` in the platform `ledgerly`
    ");
    insta::assert_snapshot!(check(LEDGERLY, "target = \"ledgerly.suppliers\"", "target = \"nodered.sandbox\""), @r"
    catalog/platforms/ledgerly.toml:16:10: the target `nodered.sandbox` is not in the platform `ledgerly`
    ");
}

#[test]
fn what_is_said_twice_is_told() {
    let again = "[privilege.ledgerly-run-flow]\ntitle = \"Again\"\n";
    insta::assert_snapshot!(told(&[("catalog/more.toml", Some("[duties]\nsecurity = \"Again\"\n[terms]\n"))]), @r"
    catalog/more.toml:3:2: `terms` has no `escalate-after`
    catalog/more.toml:3:2: `terms` has no `expire-after`
    catalog/more.toml:3:2: `terms` has no `open-requests`
    catalog/more.toml:3:2: `terms` has no `review-within`
    catalog/more.toml:3:2: `terms` has no `start-ahead`
    catalog/organisation.toml:5:12: there are two duties `security`
      help: the first is at catalog/more.toml:2
    catalog/rules.toml:3:2: there are two `[terms]`
      help: the first is at catalog/more.toml:3
    ");
    insta::assert_snapshot!(told(&[("catalog/broken.toml", Some(&format!("{again}{again}")))]), @r"
    catalog/broken.toml:3:12: duplicate key
    catalog/broken.toml:4:1: duplicate key
    ");
    insta::assert_snapshot!(check(LEDGERLY, "native = \"sandbox\"", "native = \"suppliers\""), @r"
    catalog/platforms/ledgerly.toml:48:10: another target of `ledgerly` is `suppliers` already
      help: it is at catalog/platforms/ledgerly.toml:84
    ");
    insta::assert_snapshot!(check(LENT, "actions = [\"supplier.read\"]", "actions = [\"supplier.read\", \"supplier.read\"]"), @r"
    catalog/privileges/ledgerly.toml:10:29: this is in `actions` already
    ");
    insta::assert_snapshot!(check(LENT, "id = \"scope\"", "id = \"purpose\""), @r"
    catalog/privileges/ledgerly.toml:67:1: there are two questions `purpose` here
    ");
    insta::assert_snapshot!(check(LENT, "id = \"finance-lead\"", "id = \"security\""), @r"
    catalog/privileges/ledgerly.toml:56:3: there are two seats `security` here
    ");
    insta::assert_snapshot!(check(USE, "perform.not-early", "perform.active"), @r"
    policies/use.cedar:25:1: there are two policies `perform.active`
      help: the first is at policies/use.cedar:13
    ");
}

#[test]
fn a_seat_nobody_could_fill_is_told() {
    insta::assert_snapshot!(check(LENT, "count = 2, distinct", "count = 4, distinct"), @r"
    catalog/privileges/ledgerly.toml:211:3: the seat `two-more` can't be filled: it needs consents of 4 different holders and names 3
      help: name more holders, lower `count`, or leave out `distinct`
    ");
    insta::assert_snapshot!(check(LENT, "count = 2, distinct", "count = 0, distinct"), @r"
    catalog/privileges/ledgerly.toml:211:103: `count` is 0; 1 to 9 is possible
    ");
    insta::assert_snapshot!(check(LENT, "{ id = \"data-owner\", data-owner = true }", "{ id = \"nobody\" }"), @r"
    catalog/privileges/ledgerly.toml:20:10: a seat says in one way who may fill it
      help: write one of `duty`, `group`, `data-owner = true`, `governance-owner = true`, `any-of = [...]`
    ");
    insta::assert_snapshot!(check(LENT, "{ id = \"data-owner\", data-owner = true }", ""), @"catalog/privileges/ledgerly.toml:19:1: a stage needs a seat");
    insta::assert_snapshot!(check(LENT, "\"duty:security\"", "\"security\""), @r"
    catalog/privileges/ledgerly.toml:211:32: `security` names no holder of a seat
      help: write `duty:ID`, `group:ID`, `data-owner` or `governance-owner`
    ");
    insta::assert_snapshot!(check(LENT, "duty = \"security\" },\n  { id = \"finance", "duty = \"security\", group = \"finance-leads\" },\n  { id = \"finance"), @r"
    catalog/privileges/ledgerly.toml:55:3: a seat says in one way who may fill it
      help: write one of `duty`, `group`, `data-owner = true`, `governance-owner = true`, `any-of = [...]`
    ");
}

#[test]
fn windows_spans_and_limits_are_checked() {
    insta::assert_snapshot!(check(WAREHOUSE, "Europe/Berlin", "Europe/Bern"), @r"
    catalog/privileges/warehouse.toml:54:21: there is no time zone `Europe/Bern`
      help: write a name of the IANA database, such as `Europe/Berlin`
    ");
    insta::assert_snapshot!(check(WAREHOUSE, "monday..friday", "monday-friday"), @r"
    catalog/privileges/warehouse.toml:54:45: `monday-friday` is neither a day nor a stretch of days
      help: write `sunday`, `monday..friday`, or a list of days
    ");
    insta::assert_snapshot!(check(WAREHOUSE, "to = \"18:00\"", "to = \"25:00\""), @r"
    catalog/privileges/warehouse.toml:54:84: `25:00` is not a time of day
      help: write hours and minutes: `08:00`
    ");
    insta::assert_snapshot!(check(WAREHOUSE, "to = \"18:00\"", "to = \"08:00\""), @r#"
    catalog/privileges/warehouse.toml:54:12: the window closes when it opens
      help: write `from = "00:00", to = "24:00"` for whole days
    "#);
    insta::assert_snapshot!(check(LENT, "longest = \"4h\"", "longest = \"4 hours\""), @r"
    catalog/privileges/ledgerly.toml:14:11: `4 hours` is not a span of time
      help: write days, hours, minutes or seconds: `7d`, `2h`, `1h 30m`, `45s`
    ");
    insta::assert_snapshot!(check(LENT, "longest = \"4h\"", "longest = \"40d\""), @r"
    catalog/privileges/ledgerly.toml:14:11: `longest` is 40 days; 1 minute to 30 days is possible
    ");
    insta::assert_snapshot!(check(LENT, "break-glass = \"1h\"", "break-glass = \"3h\""), @r"
    catalog/privileges/ledgerly.toml:199:15: `break-glass` is 3 hours; 1 minute to 2 hours is possible
    ");
    insta::assert_snapshot!(check(LENT, "rows = 200", "rows = 0"), @r"
    catalog/privileges/ledgerly.toml:16:32: `rows` is 0; 1 to 9223372036854775807 is possible
    ");
    insta::assert_snapshot!(check(LENT, "shortest = 20", "shortest = 900"), @r"
    catalog/privileges/ledgerly.toml:22:1: no answer has at least 900 and at most 500 characters
      help: raise `longest` or lower `shortest`
    ");
    insta::assert_snapshot!(check(RULES, "expire-after = \"2d\"", "expire-after = \"2h\""), @r"
    catalog/rules.toml:3:2: a request lapses before its deputies are asked
      help: make `expire-after` longer than `escalate-after`
    ");
    insta::assert_snapshot!(check(RULES, "high = 60", "high = 90"), @r"
    catalog/rules.toml:11:2: the bands don't follow each other
      help: write them as 0 < medium < high < critical
    ");
    insta::assert_snapshot!(check(RULES, "to = 2027-01-04", "to = 2025-01-04"), @"catalog/rules.toml:39:1: the freeze ends before it begins");
    insta::assert_snapshot!(check(RULES, "\"ledgerly-export-suppliers\", ", ""), @r"
    catalog/rules.toml:30:11: the conflict `export-and-administer` bars nothing
      help: name two privileges, or a privilege and a duty
    ");
}

#[test]
fn routes_that_cannot_mean_what_they_say_are_told() {
    insta::assert_snapshot!(check(LEDGERLY, "rows = \"/rows\"", "rows = \"rows\""), @r"
    catalog/platforms/ledgerly.toml:17:8: `rows` is not a JSON pointer
      help: write `/` before each name, as in `/rows` or `/data/items`
    ");
    insta::assert_snapshot!(check(LEDGERLY, "destination = \"/destination\"", "destination = \"/a~2\""), @r"
    catalog/platforms/ledgerly.toml:39:15: `/a~2` is not a JSON pointer
      help: write `/` before each name, as in `/rows` or `/data/items`
    ");
    insta::assert_snapshot!(check(LEDGERLY, "\"PUT /api/flows/{flow}\"", "\"PUT /api/flows/{id}\""), @r"
    catalog/platforms/ledgerly.toml:27:19: `/api/flows/{id}` has no variable `{flow}`
    ");
    insta::assert_snapshot!(check(LEDGERLY, "\"PUT /api/flows/{flow}\"", "\"PUT api/{flow}\""), @r"
    catalog/platforms/ledgerly.toml:25:6: `api/{flow}` can't be matched: it doesn't begin with `/`
    ");
    insta::assert_snapshot!(check(LEDGERLY, "\"PUT /api/flows/{flow}\"", "\"PUT /api/../{flow}\""), @r"
    catalog/platforms/ledgerly.toml:25:6: `/api/../{flow}` can't be matched: `.` and `..` never arrive
    ");
    insta::assert_snapshot!(check(LEDGERLY, "\"PUT /api/flows/{flow}\"", "\"PUSH /api/flows/{flow}\""), @r"
    catalog/platforms/ledgerly.toml:25:6: `PUSH` is not a method
      help: write `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`
    ");
    insta::assert_snapshot!(check(LEDGERLY, "\"GET /api/suppliers/{id}\"", "\"GET /api/suppliers\""), @r"
    catalog/platforms/ledgerly.toml:20:6: `GET /api/suppliers` never comes here
      help: an earlier route takes the same calls; remove one of them
    ");
    insta::assert_snapshot!(check(LEDGERLY, "GET|HEAD /static/*", "GET|HEAD /static*"), @r"
    catalog/platforms/ledgerly.toml:42:21: `/static*` can't be matched: `*` can only be the whole last segment
    ");
    insta::assert_snapshot!(check(LEDGERLY, "ambient = true", "ambient = true\naction = \"flow.run\""), @r"
    catalog/platforms/ledgerly.toml:43:11: a route is either ambient or an action
      help: write `ambient = true` alone, or `action` with `target` or `document`
    ");
    insta::assert_snapshot!(check(LEDGERLY, "target = { path = \"flow\" }", ""), @r#"
    catalog/platforms/ledgerly.toml:24:1: the route doesn't say on what its action is
      help: write `target = "ID"`, `target = { path = "NAME" }`, `target = { json = "/POINTER" }` or `document`
    "#);
    insta::assert_snapshot!(check("catalog/platforms/nodered.toml", "node-red-flows", "node-red"), @r"
    catalog/platforms/nodered.toml:15:12: `node-red` is not possible for `document`
      help: write `node-red-flows`
    ");
    insta::assert_snapshot!(check("catalog/platforms/warehouse.toml", "finance.invoices", "invoices"), @r"
    catalog/privileges/warehouse.toml:3:12: `warehouse.invoices` can't be given to a database role: `invoices` is not a table
      help: write its `native` as `schema.table`
    catalog/privileges/warehouse.toml:42:12: `warehouse.invoices` can't be given to a database role: `invoices` is not a table
      help: write its `native` as `schema.table`
    ");
}

#[test]
fn policies_that_cannot_be_read_or_do_not_explain_themselves_are_told() {
    insta::assert_snapshot!(check(USE, "@id(\"perform.active\")\n", ""), @r#"
    policies/use.cedar:13:1: a policy has no `@id`
      help: write `@id("action.what-it-says")` before it
    "#);
    insta::assert_snapshot!(check(USE, "perform.active", "remit.active"), @r#"
    policies/use.cedar:13:1: `remit.active` can't be the `@id` of a policy: `remit.` is the broker's own
      help: write `@id("action.what-it-says")` before it
    "#);
    insta::assert_snapshot!(check(USE, "perform.active", "Perform active"), @r#"
    policies/use.cedar:13:1: `Perform active` can't be the `@id` of a policy: use 1 to 64 of a-z, 0-9, `.` and `-`
      help: write `@id("action.what-it-says")` before it
    "#);
    insta::assert_snapshot!(check(USE, "@why(\"Only a grant that is active can be used.\")\n", ""), @r"
    policies/use.cedar:13:1: the policy `perform.active` has no `@why`
      help: say in a sentence why the rule exists
    ");
    insta::assert_snapshot!(check(USE, "@fix(\"Wait until it begins, or ask for a new one.\")\n", ""), @r"
    policies/use.cedar:13:1: the policy `perform.active` has no `@fix`
      help: say what the reader can do instead
    ");
    insta::assert_snapshot!(check(USE, "unless { resource.active }", "unless { resource.activ }"), @r"
    policies/use.cedar:17:10: attribute `activ` on entity type `Remit::Elevation` not found
      help: did you mean `active`?
    ");
    insta::assert_snapshot!(check(USE, "unless { resource.active }", "unless { resource.impact }"), @r"
    policies/use.cedar:17:10: unexpected type: expected Bool but saw Long
    ");
    insta::assert_snapshot!(check(USE, "unless { resource.active }", "unless resource.active"), @r"
    policies/use.cedar:17:8: unexpected token `resource`
      help: expected `{`
    ");
    insta::assert_snapshot!(check(USE, "Remit::Duty::\"security\"", "Remit::Duty::\"securty\""), @r"
    policies/use.cedar:69:37: there is no duty `securty` in the catalog
      help: did you mean `security`?
    ");
    insta::assert_snapshot!(check(USE, "principal, action ==", "principal == ?principal, action =="), @r"
    policies/use.cedar:3:1: a template is not a policy: nothing would fill its slots
      help: write one policy for each case; who may do what comes from the directory
    ");
    insta::assert_snapshot!(check(USE, "resource.holder == principal", "resource.privilege.owner.suspended"), @r"
    policies/use.cedar:6:8: this policy requires level 3, which exceeds the maximum allowed level (2)
      help: a policy looks two steps far at most, as in `resource.holder.duties`
    ");
}

#[test]
fn a_schema_that_is_not_what_the_broker_sends_is_told() {
    let schema = "schema.cedarschema";
    insta::assert_snapshot!(check(schema, "entity Team;", "entity Team"), @r"
    schema.cedarschema:9:3: error parsing schema: unexpected token `entity`
      help: expected `,`, `;`, `=`, `{`, `enum`, `in`, or `tags`
    ");
    insta::assert_snapshot!(check(schema, "suspended: Bool,", "suspended: Bool,\n    height: Long,"), @r#"
    schema.cedarschema:1:1: the schema doesn't fit what the broker sends: entity does not conform to the schema: expected entity `Remit::Person::"somebody"` to have attribute `height`, but it does not
      help: take the schema of the example bundle: it says just what the broker sends
    "#);
    insta::assert_snapshot!(check(schema, "\"approve\", ", ""), @r"
    schema.cedarschema:1:1: the action `approve` is missing
      help: policies are asked about it, so declare it
    ");
    insta::assert_snapshot!(told(&[(schema, None)]), @r"
    schema.cedarschema:1:1: the bundle has no schema
      help: copy the schema of the example bundle
    ");
}

#[test]
fn files_that_are_missing_astray_or_unreadable_are_told() {
    insta::assert_snapshot!(told(&[("policy/all.cedar", Some("")), ("catalog.toml", Some(""))]), @r"
    catalog.toml:1:1: nothing reads this file
      help: the catalog lies in `catalog/`, policies in `policies/`, the schema in `schema.cedarschema`
    policy/all.cedar:1:1: nothing reads this file
      help: the catalog lies in `catalog/`, policies in `policies/`, the schema in `schema.cedarschema`
    ");
    insta::assert_snapshot!(told(&[("catalog/bad.toml", Some("[duties\nx = 1\n[targte.x]\n"))]), @"catalog/bad.toml:1:8: unclosed table, expected `]`");
    insta::assert_snapshot!(told(&[(RULES, None)]), @r"
    catalog/organisation.toml:1:1: no file of the catalog has `[impact]`
      help: say how a request is scored
    catalog/organisation.toml:1:1: no file of the catalog has `[terms]`
      help: say how long a request waits
    ");
}

#[test]
fn a_duty_that_the_broker_asks_for_cannot_be_missing() {
    let owner = "data-owner = \"Data owner\"\n";
    insta::assert_snapshot!(check("catalog/organisation.toml", owner, ""), @r"
    catalog/organisation.toml:1:1: no file of the catalog has the duty `data-owner`
      help: the broker asks for it wherever production or confidential data is concerned
    policies/use.cedar:70:37: there is no duty `data-owner` in the catalog
    ");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let changes = [
        (
            "catalog/more.toml",
            Some("[duties]\nSECURITY = 1\n[lesson.x]\ntitle = \"X\"\n"),
        ),
        (
            "policies/more.cedar",
            Some("permit (principal, action, resource);\nforbid (principal, action, resource);\n"),
        ),
    ];
    insta::assert_snapshot!(told(&changes), @r#"
    catalog/more.toml:2:12: `SECURITY` is not an id: use 1 to 64 of a-z, 0-9, `.`, `_`, `-`, starting with a letter or digit
    catalog/more.toml:3:9: the lesson `x` has no `minutes`
    policies/more.cedar:1:1: a policy has no `@id`
      help: write `@id("action.what-it-says")` before it
    policies/more.cedar:2:1: a policy has no `@id`
      help: write `@id("action.what-it-says")` before it
    "#);
}
