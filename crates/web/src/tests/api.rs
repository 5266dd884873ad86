//! The main path over the API, and the rules of the protocol around it.
use super::office::{GATEWAY, ORIGIN, Office};
use domain::{
    command::{Attempt, UseOutcome},
    fixture,
    ids::{CredentialId, GrantId},
};
use engine::enforcement::{Authority, Begun, Finish};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

#[tokio::test]
async fn a_grant_lives_its_whole_life_over_the_api() {
    let office = Office::open().await;
    let check = office
        .api("ada", "POST", "/precheck", Some(Office::ask("edit-flow")))
        .await
        .ok(200);
    assert_eq!(check["sendable"], true, "{check}");
    let (request, grant) = office.granted("edit-flow").await;
    assert_eq!((request.as_str(), grant.as_str()), ("R-1", "G-1"));
    let live = office.api("ada", "GET", "/grants/G-1", None).await.ok(200);
    assert_eq!(live["standing"], "active");
    assert_eq!(
        live["may"],
        json!(["return", "extend", "credential", "open"])
    );
    assert_eq!(
        live["approved_by"],
        json!([{"id": "bob", "name": "Bob Sato"}, {"id": "cyd", "name": "Cyd Haddad"}])
    );

    let token = office
        .api("ada", "POST", "/grants/G-1/credentials", Some(json!({})))
        .await
        .ok(201);
    let claims = verified(&office, token["token"].as_str().unwrap()).await;
    assert_eq!(claims["aud"], "nodered");
    assert_eq!(claims["sub"], "ada");
    assert_eq!(claims["jti"], token["credential"]);
    assert_eq!(claims["grant"], live["id"]);

    used(
        &office,
        live["id"].as_str().unwrap(),
        token["credential"].as_str().unwrap(),
    )
    .await;
    let activity = office
        .api("ada", "GET", "/grants/G-1/activity", None)
        .await
        .ok(200);
    assert_eq!(activity["items"][0]["what"], "GET /flow/f1");
    assert_eq!(activity["items"][0]["status"], 200);

    let ended = office
        .api("ada", "POST", "/grants/G-1/return", Some(json!({})))
        .await
        .ok(200);
    assert_eq!(ended["grant"]["reason"], "returned");
    assert_eq!(ended["grant"]["standing"], "closed");
    let again = office
        .api("ada", "POST", "/grants/G-1/return", Some(json!({})))
        .await;
    let problem = again.ok(409);
    assert_eq!(problem["rule"], "live-grant");
    assert_eq!(problem["why"], "What is over stays over.");
    assert!(problem["entry"].is_u64(), "{problem}");
}

async fn verified(office: &Office, token: &str) -> Value {
    let keys = office
        .send("GET", "/.well-known/jwks.json", &[], None)
        .await;
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&keys.text).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = DecodingKey::from_jwk(keys.find(header.kid.as_deref().unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["nodered"]);
    // the office's clock stands in November 2026, the machine's does not
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(token, &key, &validation)
        .unwrap()
        .claims
}

fn attempt(grant: GrantId, credential: CredentialId) -> Attempt {
    Attempt {
        gateway: fixture::id("somebody-else"),
        grant: Some(grant),
        credential: Some(credential),
        platform: fixture::id("nodered"),
        actions: [(fixture::id("flow.read"), fixture::id("nodered.invoices"))].into(),
        method: "GET".to_owned(),
        path: "/flow/f1".to_owned(),
        destination: None,
        unmapped: Vec::new(),
    }
}

/// Somebody uses their grant at the gateway.
pub(crate) async fn used(office: &Office, grant: &str, credential: &str) {
    let (grant, credential) = (grant.parse().unwrap(), credential.parse().unwrap());
    let begun = office
        .authority
        .begin(attempt(grant, credential))
        .await
        .unwrap();
    let Begun::Allowed { use_id, .. } = begun else {
        panic!("{begun:?}")
    };
    let outcome = UseOutcome {
        status: Some(200),
        bytes: 10,
        rows: 0,
        cut: false,
    };
    let finished = office
        .authority
        .finish(Finish {
            use_id,
            grant,
            outcome,
        })
        .await
        .unwrap();
    assert_eq!(finished.stopped, None);
    office.engine.settled(finished.entry).await;
}

#[tokio::test]
async fn an_enforcement_point_that_runs_alone_gets_the_same_answers() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    let live = office.api("ada", "GET", "/grants/G-1", None).await.ok(200);
    let grant = live["id"].as_str().unwrap();
    let bearer = format!("Bearer {GATEWAY}");
    let headers = [("authorization", bearer.as_str())];
    let map = office
        .send("GET", "/gateway/v1/platforms/nodered", &headers, None)
        .await
        .ok(200);
    assert_eq!(map["targets"]["f1"], "nodered.invoices");
    let lease = office
        .send(
            "GET",
            &format!("/gateway/v1/grants/{grant}"),
            &headers,
            None,
        )
        .await
        .ok(200);
    assert_eq!(lease["usable"], true);

    let opening = office
        .api("ada", "POST", "/grants/G-1/open-code", Some(json!({})))
        .await
        .ok(201);
    assert_eq!(
        opening["post_to"],
        "http://nodered.localhost:8081/.remit/open"
    );
    let body = json!({"code": opening["code"], "host": "nodered.localhost", "origin": ORIGIN});
    let redeemed = office
        .send("POST", "/gateway/v1/redeem", &headers, Some(&body))
        .await
        .ok(200);
    assert_eq!(
        (redeemed["holder"].as_str(), redeemed["grant"].as_str()),
        (Some("ada"), Some(grant))
    );
    let again = office
        .send("POST", "/gateway/v1/redeem", &headers, Some(&body))
        .await
        .ok(200);
    assert_eq!(again, Value::Null);

    let credential = redeemed["credential"].as_str().unwrap();
    let wanted =
        serde_json::to_value(attempt(grant.parse().unwrap(), credential.parse().unwrap())).unwrap();
    let begun = office
        .send("POST", "/gateway/v1/begin", &headers, Some(&wanted))
        .await
        .ok(200);
    let finish = json!({"use_id": begun["allowed"]["use_id"], "grant": grant, "outcome": {"status": 200, "bytes": 1, "rows": 0, "cut": false}});
    let finished = office
        .send("POST", "/gateway/v1/finish", &headers, Some(&finish))
        .await
        .ok(200);
    assert_eq!(finished["stopped"], Value::Null, "{begun} {finished}");
    let stranger = office
        .send(
            "POST",
            "/gateway/v1/begin",
            &[("authorization", "Bearer guess")],
            Some(&wanted),
        )
        .await;
    assert_eq!(stranger.ok(401)["title"], "Please sign in");
}

#[tokio::test]
async fn a_write_is_done_once_however_often_it_is_sent() {
    let office = Office::open().await;
    let key = [("idempotency-key", "k-1")];
    let first = office
        .api_with(
            "ada",
            "POST",
            "/requests",
            &key,
            Some(Office::ask("edit-flow")),
        )
        .await;
    assert_eq!(first.header("location"), "/api/v1/requests/R-1");
    assert_eq!(first.header("idempotency-replayed"), "");
    let first = first.ok(201);
    let again = office
        .api_with(
            "ada",
            "POST",
            "/requests",
            &key,
            Some(Office::ask("edit-flow")),
        )
        .await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.ok(201)["entry"], first["entry"]);
    let other = office
        .api_with(
            "ada",
            "POST",
            "/requests",
            &key,
            Some(Office::ask("read-invoices")),
        )
        .await;
    let problem = other.ok(422);
    assert_eq!(
        problem["title"],
        "This idempotency key was used for something else"
    );
    let bad = office
        .api_with(
            "ada",
            "POST",
            "/requests",
            &[("idempotency-key", "a b")],
            Some(Office::ask("edit-flow")),
        )
        .await;
    assert_eq!(
        bad.ok(400)["detail"],
        "An idempotency key has 1 to 128 visible ASCII characters."
    );
}

#[tokio::test]
async fn an_edit_names_what_it_was_based_on() {
    let office = Office::open().await;
    office.asked("edit-flow").await;
    let read = office.api("ada", "GET", "/requests/R-1", None).await;
    let etag = read.header("etag").to_owned();
    let mut shorter = Office::ask("edit-flow");
    shorter["duration_seconds"] = json!(1800);
    let bare = office
        .api("ada", "PUT", "/requests/R-1", Some(shorter.clone()))
        .await;
    assert_eq!(bare.ok(428)["title"], "Say what your change is based on");
    let edited = office
        .api_with(
            "ada",
            "PUT",
            "/requests/R-1",
            &[("if-match", &etag)],
            Some(shorter.clone()),
        )
        .await
        .ok(200);
    assert_eq!(edited["request"]["revision"], 2);
    let late = office
        .api_with(
            "ada",
            "PUT",
            "/requests/R-1",
            &[("if-match", &etag)],
            Some(shorter),
        )
        .await
        .ok(412);
    assert_eq!(late["rule"], "stale");
}

#[tokio::test]
async fn what_is_known_already_is_not_sent_again() {
    let office = Office::open().await;
    office.asked("edit-flow").await;
    let read = async |known: &str| {
        let headers = [("if-none-match", known)];
        office
            .api_with("ada", "GET", "/requests/R-1", &headers, None)
            .await
    };
    let etag = read("\"older\"").await.header("etag").to_owned();
    for known in [&etag, &format!("W/{etag}"), &format!("\"x\", {etag}"), "*"] {
        let same = read(known).await;
        assert_eq!((same.status.as_u16(), same.text.as_str()), (304, ""));
        assert_eq!(same.header("etag"), etag);
    }
    let mut shorter = Office::ask("edit-flow");
    shorter["duration_seconds"] = json!(1800);
    let based_on = [("if-match", etag.as_str())];
    office
        .api_with("ada", "PUT", "/requests/R-1", &based_on, Some(shorter))
        .await
        .ok(200);
    assert_eq!(read(&etag).await.ok(200)["revision"], 2);
}

#[tokio::test]
async fn a_consent_binds_what_was_seen() {
    let office = Office::open().await;
    office.asked("edit-flow").await;
    let body = json!({"digest": "00".repeat(32), "comment": "yes"});
    let problem = office
        .api("cyd", "POST", "/requests/R-1/approve", Some(body))
        .await
        .ok(412);
    assert_eq!(problem["rule"], "stale");
    let seen = office
        .api("ada", "GET", "/requests/R-1", None)
        .await
        .ok(200);
    for own in ["ada", "ada-alias"] {
        let body = json!({"digest": seen["digest"], "comment": "yes"});
        let problem = office
            .api(own, "POST", "/requests/R-1/approve", Some(body))
            .await
            .ok(403);
        assert_eq!(problem["rule"], "own-request");
        assert_eq!(
            problem["detail"],
            "`ada` filed this request and cannot approve it."
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_plainly() {
    let office = Office::open().await;
    let told = async |body: Value| {
        let reply = office.api("ada", "POST", "/requests", Some(body)).await;
        let status = reply.status.as_u16();
        assert_eq!(reply.header("content-type"), "application/problem+json");
        let json = reply.json();
        // where in the line is a matter of the order in which a test writes its keys
        let detail = json["detail"]
            .as_str()
            .unwrap()
            .split(" at line")
            .next()
            .unwrap();
        format!("{status} {detail}")
    };
    assert_eq!(
        told(json!({"privilege": "edit-flow", "target": []})).await,
        "400 Unknown field `target`, expected one of `privilege`, `targets`, `duration_seconds`, `start_at`, `answers`, `ticket`, `confirmed`, `extends`, `break_glass`"
    );
    assert_eq!(
        told(json!({"privilege": "../x", "targets": [], "duration_seconds": 1})).await,
        "400 `../x` is not an id: use 1 to 64 of a-z, 0-9, `.`, `_`, `-`, starting with a letter or digit"
    );
    let mut ask = Office::ask("edit-flow");
    ask["ticket"] = json!("=1+1");
    assert_eq!(
        told(ask.clone()).await,
        "422 A ticket number has at most 64 letters, digits, `-`, `#` and `/`."
    );
    ask["ticket"] = json!("INC-1");
    ask["answers"] = json!({"goal": "x".repeat(60_000)});
    assert_eq!(
        told(ask.clone()).await,
        "422 The text has 60000 characters; at most 8000 are allowed."
    );
    ask["answers"] = json!({"goal": "x".repeat(70_000)});
    assert_eq!(told(ask).await, "413 Nothing was changed.");
}

#[tokio::test]
async fn lists_come_in_parts_with_a_link_to_the_next() {
    let office = Office::open().await;
    for _ in 0..3 {
        office.asked("read-invoices").await;
    }
    let first = office.api("ada", "GET", "/requests?limit=2", None).await;
    let link = first.header("link").to_owned();
    let first = first.ok(200);
    assert_eq!(
        (&first["items"][0]["number"], &first["items"][1]["number"]),
        (&json!("R-3"), &json!("R-2"))
    );
    let next = first["next"].as_str().unwrap();
    assert_eq!(
        link,
        format!("</api/v1/requests?limit=2&cursor={next}>; rel=\"next\"")
    );
    let rest = office
        .api(
            "ada",
            "GET",
            &format!("/requests?limit=2&cursor={next}"),
            None,
        )
        .await
        .ok(200);
    assert_eq!(rest["items"][0]["number"], "R-1");
    assert_eq!(rest["next"], Value::Null);
    let odd = office
        .api("ada", "GET", "/requests?limt=2", None)
        .await
        .ok(400);
    assert_eq!(odd["title"], "The request could not be read");
}

#[tokio::test]
async fn security_holds_resumes_and_ends_what_others_have() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    let act = async |who: &str, what: &str| {
        let reply = office
            .api(
                who,
                "POST",
                &format!("/grants/G-1/{what}"),
                Some(json!({"comment": "looking into it"})),
            )
            .await;
        let status = reply.status.as_u16();
        let json = reply.json();
        let standing = json["grant"]["standing"]
            .as_str()
            .or(json["rule"].as_str())
            .unwrap_or_default();
        format!("{status} {standing}")
    };
    assert_eq!(act("eve", "hold").await, "200 held");
    assert_eq!(act("eve", "resume").await, "200 active");
    assert_eq!(act("ann", "revoke").await, "404 ");
    assert_eq!(act("eve", "revoke").await, "200 closed");
    assert_eq!(act("eve", "revoke").await, "409 live-grant");
}

#[tokio::test]
async fn more_time_is_a_new_decision_about_the_same_grant() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    let form = office
        .page(
            "ada",
            "/requests/new?privilege=edit-flow&from=R-1&extends=G-1",
        )
        .await;
    assert!(
        form.text.contains("Ask for more time: Edit the flow</h1>"),
        "{}",
        form.read()
    );
    assert!(
        form.text
            .contains(">match the invoices of October</textarea>"),
        "nothing is asked twice"
    );
    let mut ask = Office::ask("edit-flow");
    ask["extends"] = json!("G-1");
    let request = office
        .api("ada", "POST", "/requests", Some(ask.clone()))
        .await
        .ok(201);
    assert_eq!(request["request"]["kind"], "extension");
    office.approve("cyd", "R-2").await;
    let done = office.approve("eve", "R-2").await;
    assert_eq!(done["request"]["standing"], "granted", "{done}");
    let grant = office.api("ada", "GET", "/grants/G-1", None).await.ok(200);
    assert_eq!(grant["expires_at"], "2026-11-23T11:00:00Z", "{grant}");
    ask["extends"] = json!("G-7");
    let problem = office
        .api("ada", "POST", "/requests", Some(ask))
        .await
        .ok(422);
    assert_eq!(problem["detail"], "There is no live grant `G-7` of yours.");
}

#[tokio::test]
async fn a_policy_that_says_no_speaks_in_its_own_words() {
    let office = Office::open().await;
    let mut ask = Office::ask("edit-flow");
    ask["break_glass"] = json!(true);
    ask["duration_seconds"] = json!(1800);
    let problem = office
        .api("ada", "POST", "/requests", Some(ask))
        .await
        .ok(403);
    assert_eq!(problem["rule"], "policy");
    assert_eq!(
        problem["detail"],
        "The policies say no: break-glass.second-factor."
    );
    assert_eq!(
        problem["why"],
        "Emergency access is given at once, so it has to be sure who takes it."
    );
    assert_eq!(
        problem["fix"],
        json!(["Sign in again with your second factor."])
    );
}
