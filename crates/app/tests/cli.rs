//! The command line as it is typed: exit codes, help, reports, and the same words with and without a running server.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use common::{Server, VITRINA, vitrina};
use serde_json::{Value, json};

/// Runs the binary as it is typed, without a data folder.
fn typed(args: &[&str]) -> Output {
    Command::new(VITRINA).args(args).output().expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it exits by itself")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// What a command prints when all is well.
fn said(data: &Path, args: &[&str]) -> String {
    let output = vitrina(data, args);
    assert_eq!(code(&output), 0, "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn said_json(data: &Path, args: &[&str]) -> Value {
    let args = [args, &["--json"]].concat();
    let text = said(data, &args);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
}

/// Why a command failed.
fn refusal(data: &Path, args: &[&str]) -> String {
    let output = vitrina(data, args);
    assert_eq!(code(&output), 1, "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stderr)
}

fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

/// Even users look at even products, odd ones at odd ones, on consecutive days.
fn views_csv(n_users: usize, n_products: usize) -> String {
    let rows = (0..n_users).flat_map(|u| {
        (0..n_products).filter(move |p| p % 2 == u % 2).map(move |p| {
            format!("u{u},product_viewed,p{p},2026-02-{:02}T{:02}:{:02}:00Z\n", 1 + u % 28, p % 24, u % 60)
        })
    });
    "user_id,event,product_id,timestamp\n".to_owned() + &rows.collect::<String>()
}

fn catalogue_csv(n_products: usize) -> String {
    let rows = (0..n_products).map(|p| format!("p{p},Producto {p},{},{}.90\n", ["Par", "Impar"][p % 2], 10 + p));
    "product_id,name,category,price\n".to_owned() + &rows.collect::<String>()
}

/// `accepted`, `duplicates` and the number quarantined of a report.
fn came_to(report: &Value) -> (u64, u64, u64) {
    let quarantined = report["quarantined"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    (report["accepted"].as_u64().unwrap(), report["duplicates"].as_u64().unwrap(), quarantined)
}

fn import(data: &Path, kind: &str, file: &Path, more: &[&str]) -> Value {
    let reports = said_json(data, &[&["import", kind, file.to_str().unwrap()], more].concat());
    assert_eq!(reports.as_array().unwrap().len(), 1);
    reports[0].clone()
}

#[test]
fn exit_codes_tell_wrong_usage_from_failure() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["--help"][..], &["--version"], &["help", "train"]] {
        assert_eq!(code(&typed(args)), 0, "{args:?}");
    }
    let wrong: [&[&str]; 9] = [
        &[],
        &["nonsense"],
        &["serve", "--nonsense"],
        &["serve", "--addr", "nowhere"],
        &["import", "events"],
        &["import", "orders", "file.csv"],
        &["train", "--set", "factors"],
        &["recommend"],
        &["evaluate", "--format", "lightgcn", "--model", "popular"],
    ];
    for args in wrong {
        let output = typed(args);
        assert_eq!(code(&output), 2, "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("--help"), "{args:?} shows where to read on");
    }
    for (args, reason) in [
        (&["import", "events", "/nowhere.csv"][..], "/nowhere.csv"),
        (&["import", "events", "events.csv", "--format", "excel"], "known are auto, csv, jsonl, parquet"),
        (&["train"], "events"),
        (&["train", "--model", "pupular"], "pupular"),
        (&["models", "show", "none"], "no model none"),
        (&["models", "promote", "none"], "no model none"),
        (&["models", "promote", "../a b"], "no model ../a b"),
        (&["models", "rollback"], "no earlier champion"),
        (&["recommend", "--user", "1", "-n", "0"], "n must be 1 to 100"),
        (&["recommend", "--user", "1", "--where", "precio < 9"], "did you mean `price`? at character 1"),
    ] {
        let refused = refusal(dir.path(), args);
        assert!(refused.starts_with("vitrina: ") || refused.contains("\nvitrina: "), "{args:?}: {refused}");
        assert!(refused.contains(reason), "{args:?} says {reason:?}: {refused}");
    }
}

/// The names of the commands that a help page lists.
fn commands_in(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Goes through all commands and theirs, so that a new one can't be forgotten.
fn check_help(path: &[String]) -> usize {
    let args: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    let output = typed(&args);
    assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
    let help = text(&output.stdout);
    if !path.is_empty() {
        assert!(help.contains("Example") && help.contains("\n  vitrina "), "`{}` shows an example", args.join(" "));
    }
    1 + commands_in(&help).into_iter().map(|name| check_help(&[path, &[name]].concat())).sum::<usize>()
}

#[test]
fn the_help_of_every_command_shows_an_example() {
    assert!(check_help(&[]) >= 19, "eleven commands, four words of models, three of events, and the page of all");
}

#[test]
fn a_wrong_key_in_file_or_environment_names_the_nearest() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "vitrina.toml", "[serve]\nm = 5\n[trian]\nseed = 1\n");
    let from_file = refusal(dir.path(), &["models", "list", "--config", file.to_str().unwrap()]);
    assert!(from_file.contains("vitrina.toml") && from_file.contains("did you mean"), "{from_file}");
    let env = Command::new(VITRINA)
        .args(["models", "list", "--data"])
        .arg(dir.path())
        .env("VITRINA__SERVER__BODY_BYTE_MAX", "1")
        .output()
        .unwrap();
    assert_eq!(code(&env), 1);
    assert!(text(&env.stderr).contains("did you mean \"body_bytes_max\"?"), "{}", text(&env.stderr));
    let doctor = vitrina(dir.path(), &["doctor", "--json", "--config", file.to_str().unwrap()]);
    assert_eq!(code(&doctor), 1);
    let findings: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    assert_eq!(findings[0]["verdict"], "fail", "the doctor tells rather than stops: {findings}");
    assert!(findings[0]["detail"].as_str().unwrap().contains("did you mean"), "{findings}");
}

#[test]
fn files_are_imported_with_a_report_and_twice_is_once() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let csv = write(dir.path(), "views.csv", &views_csv(10, 6));
    let catalogue = write(dir.path(), "catalogue.csv", &catalogue_csv(6));
    let users = write(dir.path(), "users.csv", "user_id,segment\nu1,vip\nu2,nuevo\n");
    let jsonl = write(
        dir.path(),
        "more.jsonl",
        concat!(
            r#"{"message_id":"j1","event":"product_viewed","user_id":"u1","product_id":"p1","timestamp":"2026-03-01T10:00:00Z"}"#,
            "\n",
            r#"{"messageId":"j2","type":"track","event":"Product Added","userId":"u2","timestamp":"2026-03-01T11:00:00Z","properties":{"product_id":"p2","price":12.5}}"#,
            "\n",
        ),
    );
    assert_eq!(came_to(&import(&data, "catalog", &catalogue, &[])), (6, 0, 0));
    assert_eq!(came_to(&import(&data, "users", &users, &[])), (2, 0, 0));
    let report = import(&data, "events", &csv, &[]);
    assert_eq!((came_to(&report), &report["rows"], &report["format"]), ((30, 0, 0), &json!(30), &json!("csv")));
    assert_eq!(came_to(&import(&data, "events", &jsonl, &[])), (2, 0, 0));
    assert_eq!(came_to(&import(&data, "events", &csv, &[])), (0, 30, 0), "the same file again is the same events");
    assert_eq!(came_to(&import(&data, "events", &jsonl, &[])), (0, 2, 0));

    let words = said(&data, &["import", "events", csv.to_str().unwrap()]);
    assert!(words.contains("duplicates") && words.contains("30"), "{words}");
    let tail = said_json(&data, &["events", "tail", "--n", "2"]);
    assert_eq!(
        (tail["data"].as_array().unwrap().len(), &tail["data"][1]["kind"]),
        (2, &json!("product_added")),
        "{tail}"
    );
}

#[test]
fn a_parquet_file_and_its_own_column_names_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    let csv = write(dir.path(), "views.csv", &views_csv(20, 10));
    import(&first, "events", &csv, &[]);
    said_json(&first, &["train", "--model", "popular"]);
    // What a training read lies as Parquet in the lake: another system's export, as good as any.
    let lake = first.join("shops/default/lake/interactions");
    let files = fs::read_dir(lake).unwrap().map(|entry| entry.unwrap().path());
    let parquet: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "parquet")).collect();
    let import_parquet = |more: &[&str]| import(&second, "events", &parquet[0], more);
    let report = import_parquet(&[]);
    assert_eq!((came_to(&report), &report["format"]), ((100, 0, 0), &json!("parquet")), "{report}");
    assert_eq!(
        came_to(&import_parquet(&["--map", "event_kind=event"])),
        (0, 100, 0),
        "the same rows by another column"
    );
    let file = parquet[0].to_str().unwrap();
    let unclear = refusal(&second, &["import", "events", file, "--map", "interaction_type=reason"]);
    assert!(unclear.contains("what happened") && unclear.contains("--map COLUMN=FIELD"), "{unclear}");
}

#[test]
fn columns_are_mapped_and_bad_rows_are_quarantined_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let csv = write(
        dir.path(),
        "compras.csv",
        "cliente,codigo,cuando,que\n\
         7,A1,2026-03-01T10:00:00Z,product_viewed\n\
         7,A2,ayer,product_viewed\n\
         8,,2026-03-01T10:00:00Z,product_viewed\n\
         9,A3,2026-03-01T10:00:00Z,product_eaten\n\
         9,A3,2026-03-02T10:00:00Z,product_viewed\n",
    );
    let map =
        ["--map", "cliente=user_id", "--map", "codigo=product_id", "--map", "cuando=timestamp", "--map", "que=event"];
    let report = import(&data, "events", &csv, &map);
    assert_eq!((came_to(&report), &report["rows"]), ((2, 0, 3), &json!(5)), "{report}");
    assert!(
        refusal(&data, &["import", "events", csv.to_str().unwrap(), "--map", "clienta=user_id"]).contains("cliente")
    );

    let page = said_json(&data, &["events", "quarantine"]);
    let rows = page["data"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "{page}");
    assert!(rows.iter().all(|row| row["origin"].as_str().unwrap().contains("compras.csv:")), "{page}");
    assert!(!page["data"].to_string().contains("cliente"), "columns lie under the names they were mapped to");
    let words = said(&data, &["events", "quarantine", "--n", "1"]);
    assert!(words.contains("by code: "), "{words}");
    let retried = said_json(&data, &["events", "quarantine", "--retry"]);
    assert_eq!((&retried["accepted"], &retried["rejected"]), (&json!(0), &json!(3)), "their causes are as they were");
    assert_eq!(said_json(&data, &["events", "quarantine"])["data"].as_array().unwrap().len(), 3);

    let bad = write(dir.path(), "bad.csv", "user_id,event,product_id,timestamp\n1,product_viewed,A,never\n");
    assert!(refusal(&data, &["import", "events", bad.to_str().unwrap()]).contains("nothing was accepted"));
}

#[test]
fn the_shipped_data_set_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/online_retail");
    let catalogue = import(dir.path(), "catalog", &folder.join("items.csv"), &[]);
    assert_eq!(catalogue["format"], "online_retail");
    assert!(came_to(&catalogue).0 > 3_000, "{catalogue}");
    let file = folder.join("online_retail.parquet");
    let report = import(dir.path(), "events", &file, &["--format", "online-retail"]);
    assert_eq!(report["rows"], 541_909, "every line is read: {report}");
    let (accepted, duplicates, _) = came_to(&report);
    assert!(accepted > 20_000 && duplicates == 0, "{report}");
    assert!(report["skipped"]["not a product: M"].as_u64().unwrap() > 100, "what is left out is counted: {report}");
    assert_eq!(
        came_to(&import(dir.path(), "events", &file, &[])),
        (0, accepted, came_to(&report).2),
        "found out by its columns"
    );
    let words = said(dir.path(), &["doctor"]);
    assert!(words.contains(&format!("{accepted} events")), "{words}");
}

/// Every command of a shop, in the order of a first day.
fn a_day(data: &Path, is_served: bool) {
    let trained =
        said_json(data, &["train", "--model", "popular", "--model", "item-knn", "--set", "item-knn.neighbours=5"]);
    let first = trained["manifest"]["version"].as_str().unwrap().to_owned();
    assert!(trained["promoted"].is_boolean() && trained["verdict"].is_string(), "{trained}");
    let words = said(data, &["train", "--model", "popular"]);
    assert!(words.starts_with("model "), "{words}");

    assert!(said(data, &["models", "options", "ials"]).contains("factors=128"));
    let list = said_json(data, &["models", "list"]);
    let versions: Vec<&str> = list["data"].as_array().unwrap().iter().map(|m| m["version"].as_str().unwrap()).collect();
    assert_eq!((versions.len(), versions[1]), (2, first.as_str()), "newest first");
    let second = versions[0].to_owned();
    assert_eq!(said_json(data, &["models", "show", &first])["models"], json!(["popular", "item-knn"]));
    assert_eq!(said_json(data, &["models", "promote", &first])["champion"], *first);
    let list = said(data, &["models", "list"]);
    assert!(list.lines().filter(|line| line.starts_with('*')).all(|line| line.contains(&first)), "{list}");
    assert_eq!(said(data, &["models", "promote", &second]).trim(), format!("serving {second}"));
    assert_eq!(said_json(data, &["models", "rollback"])["champion"], *first);

    let slate = said_json(data, &["recommend", "--user", "u3", "-n", "2", "--explain"]);
    assert_eq!((slate["items"].as_array().unwrap().len(), &slate["model_version"]), (2, &json!(first)), "{slate}");
    assert!(slate["items"][0]["parts"].is_array(), "{slate}");
    let words = said(data, &["recommend", "--user", "u3", "--product", "p1", "--placement", "product"]);
    assert!(words.contains("Producto"), "{words}");

    let total = said_json(data, &["events", "replay"])["events"].as_u64().unwrap();
    assert!(total >= 100);
    assert_eq!(said_json(data, &["events", "tail", "--n", "3"])["data"].as_array().unwrap().len(), 3);
    assert_eq!(said(data, &["events", "tail", "--n", "3"]).lines().count(), 3);

    let doctor = said_json(data, &["doctor"]);
    let detail = |check: &str| {
        let finding = doctor.as_array().unwrap().iter().find(|finding| finding["check"] == check);
        finding.unwrap_or_else(|| panic!("no {check}: {doctor}"))["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(detail("store").contains("a server has it open"), is_served, "{doctor}");
    assert!(detail("model").contains(&first), "{doctor}");
    assert!(said(data, &["doctor"]).lines().all(|line| line.starts_with("ok") || line.starts_with("warn")));
}

fn shop(dir: &Path) -> PathBuf {
    let data = dir.join("data");
    import(&data, "catalog", &write(dir, "catalogue.csv", &catalogue_csv(12)), &[]);
    import(&data, "events", &write(dir, "views.csv", &views_csv(30, 12)), &[]);
    data
}

#[test]
fn commands_work_on_a_folder_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    a_day(&shop(dir.path()), false);
}

#[test]
fn commands_speak_to_the_server_that_has_the_folder_open() {
    let dir = tempfile::tempdir().unwrap();
    let data = shop(dir.path());
    let server = Server::start(&data);
    a_day(&data, true);
    let champion = said_json(&data, &["models", "list"])["champion"].clone();
    assert_eq!(
        server.get("/v1/status")["model"]["version"],
        champion,
        "the server serves what the command line promoted"
    );
    let refused = refusal(&data, &["import", "events", "views.csv"]);
    assert!(refused.contains("stop the server"), "{refused}");
    let second = refusal(&data, &["serve", "--addr", "127.0.0.1:0"]);
    assert!(second.contains("in use by another process"), "{second}");
    assert!(server.stop().success());
    assert!(!data.join("server.json").exists(), "a server that is gone is not looked for");
    assert_eq!(said_json(&data, &["models", "list"])["champion"], champion);
}

#[test]
fn a_server_that_was_killed_leaves_no_trap_for_commands() {
    let dir = tempfile::tempdir().unwrap();
    let data = shop(dir.path());
    Server::start(&data).kill();
    assert!(data.join("server.json").exists(), "nobody could remove it");
    assert!(said_json(&data, &["models", "list"])["data"].as_array().unwrap().is_empty());
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let data = shop(dir.path());
    let line =
        format!("'{VITRINA}' events tail --n 180 --data '{}' | head -n 1; exit ${{PIPESTATUS[0]}}", data.display());
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    assert_eq!((code(&output), text(&output.stdout).lines().count()), (0, 1), "{}", text(&output.stderr));
}

/// A dataset of two tastes in which each user's last product of the taste is held out.
fn two_tastes(dir: &Path) -> PathBuf {
    let folder = dir.join("tiny");
    fs::create_dir(&folder).unwrap();
    let line = |u: usize, items: &[usize]| {
        format!("{u} {}\n", items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    let (mut train, mut test) = (String::new(), String::new());
    for u in 0..20 {
        let taste: Vec<usize> = (0..12).filter(|item| item % 2 == u % 2).collect();
        let held_out = taste[u / 2 % taste.len()];
        train += &line(u, &taste.iter().copied().filter(|item| *item != held_out).collect::<Vec<_>>());
        test += &line(u, &[held_out]);
    }
    write(&folder, "train.txt", &train);
    write(&folder, "test.txt", &test);
    folder
}

/// `COMMAND --data FOLDER --format lightgcn MORE…`, run in a folder.
fn on_two_tastes(dir: &Path, command: &str, more: &[&str]) -> Output {
    let folder = dir.join("tiny");
    let head = [command, "--data", folder.to_str().unwrap(), "--format", "lightgcn"];
    Command::new(VITRINA).args(head).args(more).current_dir(dir).output().unwrap()
}

fn json_of(output: &Output) -> Value {
    assert_eq!(code(output), 0, "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stdout)))
}

#[test]
fn folds_have_a_spread_and_need_a_split_that_has_them() {
    let dir = tempfile::tempdir().unwrap();
    two_tastes(dir.path());
    let folds = |split: &'static str, n: &'static str| {
        on_two_tastes(dir.path(), "evaluate", &["--split", split, "--folds", n, "--model", "item-knn", "--json"])
    };
    let report = json_of(&folds("k-fold", "3"));
    assert_eq!((&report["split"], report["folds"].as_array().unwrap().len()), (&json!("k-fold"), 3));
    assert!(report["spread"]["recall@10"].is_number() && report["n_test"] == 120, "{report}");
    let refused = folds("random", "3");
    assert!(code(&refused) == 1 && text(&refused.stderr).contains("k-fold or rolling-window"));
    let refused = folds("rolling-window", "3");
    assert!(text(&refused.stderr).contains("no timestamps"), "{}", text(&refused.stderr));
    let refused = on_two_tastes(dir.path(), "evaluate", &["--model", "popular", "--exclude", "purchase"]);
    assert!(text(&refused.stderr).contains("got event type purchase"), "{}", text(&refused.stderr));
}

#[test]
fn two_runs_are_compared_user_by_user() {
    let dir = tempfile::tempdir().unwrap();
    two_tastes(dir.path());
    for (model, seed) in [("popular", "1"), ("item-knn", "1")] {
        let file = format!("{model}.run");
        let output =
            on_two_tastes(dir.path(), "evaluate", &["--model", model, "--k", "2", "--seed", seed, "--runs-out", &file]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    }
    let compare = |more: &[&str]| {
        let args = [&["compare", "popular.run", "item-knn.run"], more].concat();
        Command::new(VITRINA).args(args).current_dir(dir.path()).output().unwrap()
    };
    let comparison = json_of(&compare(&["--metric", "recall@2", "--json"]));
    let all = &comparison[0]["all"];
    assert!(all["difference"].as_f64().unwrap() > 0.3 && all["p"].as_f64().unwrap() < 0.05, "{comparison}");
    assert_eq!(all["lose"], 0.0, "item-knn finds everybody's product");
    assert_eq!(comparison[0]["by_user_group"][0]["name"], "casual", "five events each: {comparison}");
    let words = text(&compare(&["--metric", "recall@2"]).stdout);
    assert!(words.contains("item-knn − popular") && words.contains("% gain") && words.contains("ndcg@2"), "{words}");
    let refused = compare(&[]);
    assert!(code(&refused) == 1 && text(&refused.stderr).contains("ndcg@20"), "{}", text(&refused.stderr));
    let other = on_two_tastes(
        dir.path(),
        "evaluate",
        &["--model", "popular", "--split", "random", "--runs-out", "popular.run"],
    );
    assert_eq!(code(&other), 0);
    assert!(text(&compare(&[]).stderr).contains("not asked the same"));
}

#[test]
fn a_search_is_kept_goes_on_and_looks_at_the_test_once() {
    let dir = tempfile::tempdir().unwrap();
    two_tastes(dir.path());
    let tune = |more: &[&str]| {
        let args = [&["--model", "item-knn", "--metric", "ndcg@5", "--out", "tuned"], more].concat();
        on_two_tastes(dir.path(), "tune", &args)
    };
    let output = tune(&["--trials", "3"]);
    let words = text(&output.stdout);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    for wanted in ["ndcg@5 on validation", "3 trials, 0 of them read", "validation ndcg@5", "test       ndcg@5"] {
        assert!(words.contains(wanted), "{wanted}: {words}");
    }
    let log = dir.path().join("tuned/trials.jsonl");
    let before = fs::read(&log).unwrap();
    assert_eq!(before.iter().filter(|byte| **byte == b'\n').count(), 4, "a question and three trials");
    // As a kill in the middle of a write leaves it.
    fs::write(&log, &before[..before.len() - 5]).unwrap();
    let result = json_of(&tune(&["--trials", "10", "--json"]));
    assert_eq!((&result["n_resumed"], result["trials"].as_array().unwrap().len()), (&json!(2), 10), "{result}");
    assert!(result["best"]["validation"].is_number() && result["test"]["split"] == "given", "{result}");
    assert!(fs::read_to_string(dir.path().join("tuned/trials.svg")).unwrap().starts_with("<svg"));
    assert!(dir.path().join("tuned/result.json").exists());
    let other = tune(&["--seed", "7"]);
    assert!(code(&other) == 1 && text(&other.stderr).contains("another question"), "{}", text(&other.stderr));
    let fixed = ["--model", "popular", "--set", "count=users"];
    let refused = on_two_tastes(dir.path(), "tune", &fixed);
    assert!(text(&refused.stderr).contains("no option to search"), "{}", text(&refused.stderr));
    for wrong in [["--search", "luck"], ["--metric", "beauty@9"], ["--budget", "soon"]] {
        assert_eq!(code(&tune(&wrong)), 2, "{wrong:?}");
    }
}

#[test]
fn auto_finds_a_model_within_its_budget() {
    let dir = tempfile::tempdir().unwrap();
    two_tastes(dir.path());
    let output = on_two_tastes(dir.path(), "evaluate", &["--model", "auto", "--budget", "6s", "--k", "2", "--json"]);
    let report = json_of(&output);
    let tried = report["auto"]["tried"].as_array().unwrap();
    let models: Vec<&str> = tried.iter().filter_map(|t| t["model"].as_str()).collect();
    assert!(models.contains(&"popular") && models.contains(&"item-knn"), "{models:?}");
    assert_eq!(report["model"], report["auto"]["winner"]["model"]);
    assert_eq!(report["metrics"]["recall@2"], 1.0, "{report}");
    let refused = on_two_tastes(dir.path(), "evaluate", &["--model", "auto", "--set", "factors=8"]);
    assert!(text(&refused.stderr).contains("auto takes no --set"), "{}", text(&refused.stderr));
}

#[test]
fn auto_trains_a_shop() {
    let dir = tempfile::tempdir().unwrap();
    let csv = write(dir.path(), "views.csv", &views_csv(40, 16));
    let data = dir.path().join("data");
    import(&data, "events", &csv, &[]);
    let outcome = said_json(&data, &["train", "--model", "auto", "--set", "auto.budget=5s"]);
    assert!(outcome["verdict"].as_str().unwrap().starts_with("auto chose "), "{outcome}");
    let models = outcome["manifest"]["models"].as_array().unwrap();
    assert!(models.contains(&json!("popular")) && !models.contains(&json!("auto")), "{outcome}");
    let version = outcome["manifest"]["version"].as_str().unwrap();
    let refused = refusal(&data, &["models", "show", version, "--plot", "loss.svg"]);
    assert!(refused.contains("nothing to draw") || models.len() > 4, "{refused}");
    let refused = refusal(&data, &["train", "--model", "auto", "--set", "auto.budget=soon"]);
    assert!(refused.contains("90s, 10m or 2h"), "{refused}");
}

#[test]
fn a_new_shop_chooses_once_and_then_fits_again_what_serves() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let train = || {
        let mut command = Command::new(VITRINA);
        command.args(["train", "--json", "--data"]).arg(&data).env("VITRINA__TRAIN__MODELS", r#"["auto"]"#);
        // Whatever is chosen is promoted: the question is what the next training does.
        command.env("VITRINA__TRAIN__SET", r#"["auto.budget=3s"]"#).env("VITRINA__TRAIN__GATE_RATIO", "0.01");
        json_of(&command.output().unwrap())
    };
    let few = "user_id,event,product_id,timestamp\n\
        a,product_viewed,p,2026-02-01T00:00:00Z\n\
        a,product_viewed,q,2026-02-02T00:00:00Z\n";
    import(&data, "events", &write(dir.path(), "few.csv", few), &[]);
    let verdict = |outcome: &Value| outcome["verdict"].as_str().unwrap().to_owned();
    let stand_in = train();
    assert!(verdict(&stand_in).starts_with("auto has too few events"), "{stand_in}");
    assert_eq!(stand_in["promoted"], false, "a stand-in that found nothing does not serve: {stand_in}");

    import(&data, "events", &write(dir.path(), "views.csv", &views_csv(40, 16)), &[]);
    let chosen = train();
    assert!(verdict(&chosen).starts_with("auto chose "), "{chosen}");
    let again = train();
    assert_eq!(again["manifest"]["models"], chosen["manifest"]["models"], "{again}");
    assert!(!verdict(&again).contains("auto"), "{again}");
}

#[test]
fn a_model_is_measured_on_a_public_format_without_a_shop() {
    let dir = tempfile::tempdir().unwrap();
    let folder = two_tastes(dir.path());
    let report = dir.path().join("tiny.json");
    let args = |model: &'static str| {
        [
            "evaluate",
            "--data",
            folder.to_str().unwrap(),
            "--format",
            "lightgcn",
            "--split",
            "given",
            "--model",
            model,
            "--k",
            "2,5",
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let run = |args: Vec<String>| Command::new(VITRINA).args(args).current_dir(dir.path()).output().unwrap();

    let output = run([args("item-knn"), vec!["--json".to_owned(), report.display().to_string()]].concat());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("item-knn on tiny"), "a table for people: {}", text(&output.stdout));
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = vec![
        "dataset",
        "format",
        "split",
        "model",
        "params",
        "seed",
        "n_users",
        "n_items",
        "n_train",
        "n_test",
        "metrics",
        "ci95",
        "by_user_group",
        "by_product_age",
        "fit_seconds",
        "score_seconds",
        "peak_rss_bytes",
    ];
    wanted.sort_unstable();
    let mut got = keys.clone();
    got.sort_unstable();
    assert_eq!(got, wanted);
    assert_eq!(
        (&report["n_users"], &report["n_items"], &report["n_train"], &report["n_test"]),
        (&json!(20), &json!(12), &json!(100), &json!(20))
    );
    assert_eq!(report["metrics"]["recall@2"], 1.0, "the one product of the taste that is left: {report}");
    assert_eq!(report["ci95"]["recall@2"], json!([1.0, 1.0]));

    let output = run([args("popular"), vec!["--json".to_owned()]].concat());
    let report: Value =
        serde_json::from_slice(&output.stdout).expect("without a file the report goes to standard output");
    assert_eq!(report["model"], "popular");
    for (more, reason) in [(["--set", "depth=3"], "depth"), (["--k", "0"], "k")] {
        let output = run([args("popular"), more.map(str::to_owned).to_vec()].concat());
        assert_ne!(code(&output), 0, "{more:?}");
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
    }
    assert!(!dir.path().join(".vitrina").exists(), "no shop was made");
}
