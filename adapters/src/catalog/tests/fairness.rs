//! The outbox: what is relayed next, and what waits too long.

use oxherd_study::MaterialId;
use oxherd_study::accept::Action;
use oxherd_study::ports::OutboxPressure;

use super::bench::Bench;

async fn materials(bench: &Bench, count: usize) -> Vec<MaterialId> {
    let mut made = Vec::new();
    for number in 0..count {
        made.push(bench.material(&format!("{} {number}", bench.user)).await);
    }
    made
}

async fn relay(bench: &Bench, limit: usize, in_queue_max: u32) -> Vec<(String, String)> {
    let rows = bench.catalog.next_rows(limit, in_queue_max).await.unwrap();
    let numbers: Vec<i64> = rows.iter().map(|row| row.number).collect();
    bench.catalog.relayed(&numbers).await.unwrap();
    rows.into_iter().map(|row| (row.user.to_string(), row.job)).collect()
}

#[tokio::test]
async fn users_take_turns_however_much_the_first_one_asked_for() {
    let ada = Bench::open().await;
    let (bob, eve) = (ada.as_user("bob"), ada.as_user("eve"));
    materials(&ada, 50).await;
    materials(&bob, 2).await;
    materials(&eve, 1).await;

    let order: Vec<String> = relay(&ada, 7, 16).await.into_iter().map(|(user, _)| user).collect();

    assert_eq!(order, ["ada", "bob", "eve", "ada", "bob", "ada", "ada"]);
}

#[tokio::test]
async fn a_user_has_at_most_the_given_number_of_unfinished_runs_in_the_queues() {
    let bench = Bench::open().await;
    let made = materials(&bench, 20).await;

    assert_eq!(relay(&bench, 100, 16).await.len(), 16);
    assert!(relay(&bench, 100, 16).await.is_empty());
    bench.make_ready(&made[0]).await;
    bench.fail(&made[1]).await;
    bench.catalog.delete_material(&bench.user, &made[2], bench.now()).await.unwrap();

    let next: Vec<String> = relay(&bench, 100, 16).await.into_iter().map(|(_, job)| job).collect();
    assert_eq!(next, [made[16].as_str(), made[17].as_str(), made[18].as_str()]);
}

#[tokio::test]
async fn a_newer_generation_takes_the_place_of_an_older_row() {
    let bench = Bench::open().await;
    let id = bench.material("hello").await;
    let old = bench.catalog.next_rows(10, 16).await.unwrap().remove(0);
    bench.fail(&id).await;
    bench.act(Action::RetryMaterial(id.clone())).await.unwrap();

    // The mark of the older row comes late and changes nothing.
    bench.catalog.relayed(&[old.number]).await.unwrap();

    let rows = bench.catalog.next_rows(10, 16).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].job.as_str(), rows[0].generation), (id.as_str(), 2));
    assert!(rows[0].data.contains("\"generation\":2"));
}

#[tokio::test]
async fn a_row_that_fairness_holds_back_is_no_pressure_and_waits_only_from_its_turn() {
    let bench = Bench::open().await;
    let pressure = async || bench.catalog.outbox_pressure(2).await.unwrap();
    assert_eq!(pressure().await, OutboxPressure::default());
    let made = materials(&bench, 3).await;
    let first_ms = bench.see(&made[0]).await.created_ms;
    assert_eq!(pressure().await, OutboxPressure { rows: 2, oldest_ms: Some(first_ms) });

    assert_eq!(relay(&bench, 10, 2).await.len(), 2);
    bench.pass(3_600_000);
    assert_eq!(pressure().await, OutboxPressure::default());

    bench.make_ready(&made[0]).await;
    let turn_ms = bench.see(&made[0]).await.processed_ms;
    assert_eq!(pressure().await, OutboxPressure { rows: 1, oldest_ms: turn_ms });
}

#[tokio::test]
async fn the_next_rows_are_found_without_a_look_at_every_row() {
    use sqlx::{Connection as _, Row as _};
    let bench = Bench::open().await;
    let options = crate::catalog::database::options(bench.folder());
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let explain = format!("EXPLAIN QUERY PLAN {}", crate::catalog::outbox::NEXT_ROWS);

    let steps = sqlx::query(sqlx::AssertSqlSafe(explain))
        .bind(16)
        .bind(256)
        .fetch_all(&mut connection)
        .await
        .unwrap();

    let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
    for table in ["o", "r", "n", "outbox"] {
        let step = steps.iter().find(|step| step.split(' ').nth(1) == Some(table));
        let step = step.unwrap_or_else(|| panic!("{table} is not in {steps:#?}"));
        assert!(step.starts_with(&format!("SEARCH {table} USING")), "{step}");
    }
}
