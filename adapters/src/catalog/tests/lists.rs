//! Lists: pages, filters, orders.

use oxherd_study::error::ErrorCode;
use oxherd_study::material::MaterialStatus;
use oxherd_study::plan::{GenerationStatus, PlanStatus};
use oxherd_study::ports::{MaterialFilter, PlanChange, PlanFilter, Sort};

use super::bench::{Bench, page};

/// The titles of a list, read in pages of two.
async fn titles(bench: &Bench, filter: &MaterialFilter) -> Vec<String> {
    let (mut titles, mut cursor) = (Vec::new(), None);
    loop {
        let read = bench.catalog.materials(&bench.user, filter, &page(2, cursor)).await.unwrap();
        assert!(read.rows.len() <= 2);
        titles.extend(read.rows.into_iter().map(|row| row.title));
        cursor = read.next_cursor;
        if cursor.is_none() {
            return titles;
        }
    }
}

#[tokio::test]
async fn a_list_has_every_row_once_in_each_order() {
    let bench = Bench::open().await;
    for title in ["b", "A", "c", "가", "É"] {
        bench.titled(title).await;
    }
    bench.as_user("bob").titled("theirs").await;

    let check = async |sort, expected: [&str; 5]| {
        let filter = MaterialFilter { sort, ..MaterialFilter::default() };
        assert_eq!(titles(&bench, &filter).await, expected, "{sort:?}");
    };
    check(Sort::Newest, ["É", "가", "c", "A", "b"]).await;
    check(Sort::Oldest, ["b", "A", "c", "가", "É"]).await;
    check(Sort::Title, ["A", "b", "c", "É", "가"]).await;
    check(Sort::TitleBackwards, ["가", "É", "c", "b", "A"]).await;
}

#[tokio::test]
async fn rows_of_the_same_title_and_moment_are_neither_doubled_nor_missed() {
    let bench = Bench::open().await;
    let intents = (0..9).map(|number| {
        let content = format!("{number}");
        let action = oxherd_study::accept::Action::CreateMaterial {
            upload: super::bench::new_upload(),
            file: super::bench::file_of(&content),
            title: Some("same".to_owned()),
        };
        oxherd_study::accept::Intent { now_ms: 5, ..bench.intent(action) }
    });
    bench.catalog.commit(intents.collect()).await.unwrap();

    for sort in [Sort::Newest, Sort::Oldest, Sort::Title, Sort::TitleBackwards] {
        let filter = MaterialFilter { sort, ..MaterialFilter::default() };
        let (mut ids, mut cursor) = (std::collections::BTreeSet::new(), None);
        loop {
            let read = bench.catalog.materials(&bench.user, &filter, &page(4, cursor)).await;
            let read = read.unwrap();
            assert!(read.rows.into_iter().all(|row| ids.insert(row.id)), "{sort:?}");
            cursor = read.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(ids.len(), 9, "{sort:?}");
    }
}

#[tokio::test]
async fn a_page_that_begins_before_an_insert_goes_on_without_it() {
    let bench = Bench::open().await;
    for title in ["1", "2", "3"] {
        bench.titled(title).await;
    }
    let filter = MaterialFilter::default();
    let first = bench.catalog.materials(&bench.user, &filter, &page(2, None)).await.unwrap();

    bench.titled("4").await;

    let cursor = first.next_cursor;
    let rest = bench.catalog.materials(&bench.user, &filter, &page(2, cursor)).await.unwrap();
    assert_eq!(rest.rows.iter().map(|row| row.title.as_str()).collect::<Vec<_>>(), ["1"]);
    assert_eq!(rest.next_cursor, None);
}

#[tokio::test]
async fn titles_are_found_by_any_part_whatever_its_case() {
    let bench = Bench::open().await;
    for title in ["100% Rust", "1000 RUST", "snake_case", "snakeXcase", "ÉTUDES", "한글 노트"]
    {
        bench.titled(title).await;
    }

    let check = async |part: &str, expected: &[&str]| {
        let filter = MaterialFilter {
            title_part: Some(part.to_owned()),
            sort: Sort::Oldest,
            ..MaterialFilter::default()
        };
        assert_eq!(titles(&bench, &filter).await, expected, "{part}");
    };
    check("rust", &["100% Rust", "1000 RUST"]).await;
    check("100%", &["100% Rust"]).await;
    check("E_C", &["snake_case"]).await;
    check("\\", &[]).await;
    check("études", &["ÉTUDES"]).await;
    // The same word in decomposed letters, as some file systems write it.
    check("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", &["한글 노트"]).await;
}

#[tokio::test]
async fn lists_are_filtered_by_state() {
    let bench = Bench::open().await;
    let ready = bench.ready_material("ready").await;
    let failed = bench.material("failed").await;
    bench.fail(&failed).await;
    let pending = bench.plan(std::slice::from_ref(&ready)).await;
    let active = bench.ready_plan(std::slice::from_ref(&ready)).await;
    let activate = PlanChange::Status(PlanStatus::Active);
    bench.catalog.change_plan(&bench.user, &active, &activate, bench.now()).await.unwrap();

    let status = Some(MaterialStatus::Failed);
    let filter = MaterialFilter { status, ..MaterialFilter::default() };
    let found = bench.catalog.materials(&bench.user, &filter, &page(9, None)).await.unwrap();
    assert_eq!(found.rows.into_iter().map(|row| row.id).collect::<Vec<_>>(), [failed]);

    let plans = async |filter: PlanFilter| {
        let found = bench.catalog.plans(&bench.user, &filter, &page(9, None)).await.unwrap();
        found.rows.into_iter().map(|plan| plan.id).collect::<Vec<_>>()
    };
    let all = plans(PlanFilter::default()).await;
    assert_eq!(all, [active.clone(), pending.clone()]);
    let is_active = PlanFilter { status: Some(PlanStatus::Active), ..PlanFilter::default() };
    assert_eq!(plans(is_active).await, [active]);
    let generation_status = Some(GenerationStatus::Pending);
    assert_eq!(plans(PlanFilter { status: None, generation_status }).await, [pending]);
}

#[tokio::test]
async fn plans_are_listed_in_pages_with_their_materials_and_without_modules() {
    let bench = Bench::open().await;
    let material = bench.ready_material("ready").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(bench.ready_plan(std::slice::from_ref(&material)).await);
    }

    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let filter = PlanFilter::default();
        let read = bench.catalog.plans(&bench.user, &filter, &page(2, cursor)).await.unwrap();
        for plan in &read.rows {
            assert_eq!(plan.materials[0].id, material);
            assert_eq!((plan.modules.len(), plan.completion.total), (0, 4));
        }
        listed.extend(read.rows.into_iter().map(|plan| plan.id));
        cursor = read.next_cursor;
        if cursor.is_none() {
            break;
        }
    }

    made.reverse();
    assert_eq!(listed, made);
}

#[tokio::test]
async fn a_cursor_that_is_not_of_the_list_is_refused() {
    let bench = Bench::open().await;
    for title in ["1", "2"] {
        bench.titled(title).await;
    }
    let newest = MaterialFilter::default();
    let read = bench.catalog.materials(&bench.user, &newest, &page(1, None)).await.unwrap();

    let by_title = MaterialFilter { sort: Sort::Title, ..MaterialFilter::default() };
    for (filter, cursor) in [
        (&newest, Some("nonsense".to_owned())),
        (&newest, Some(String::new())),
        (&by_title, read.next_cursor),
    ] {
        let page = page(1, cursor);
        let refused = bench.catalog.materials(&bench.user, filter, &page).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidCursor, "{page:?}");
    }
}

#[tokio::test]
async fn ready_materials_are_searchable_newest_first_and_foreign_ones_unknown() {
    let bench = Bench::open().await;
    let old = bench.ready_material("old").await;
    let new = bench.ready_material("new").await;
    let pending = bench.material("pending").await;
    let foreign = bench.as_user("bob").ready_material("theirs").await;
    let search = async |only: &[_], limit| {
        let found = bench.catalog.searchable(&bench.user, only, limit).await.unwrap();
        found.map(|(found, count)| (found.into_iter().map(|it| it.id).collect::<Vec<_>>(), count))
    };

    assert_eq!(search(&[], 50).await, Some((vec![new.clone(), old.clone()], 2)));
    assert_eq!(search(&[], 1).await, Some((vec![new], 2)));
    let only = [old.clone(), pending, old.clone()];
    assert_eq!(search(&only, 50).await, Some((vec![old.clone()], 1)));
    assert_eq!(search(&[old, foreign], 50).await, None);
}
