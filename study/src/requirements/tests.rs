//! What is read from wishes.

use jiff::civil::Weekday;

use super::{StudyDays, Wishes};

const WEEK: [(Weekday, char); 7] = [
    (Weekday::Monday, 'M'),
    (Weekday::Tuesday, 'T'),
    (Weekday::Wednesday, 'W'),
    (Weekday::Thursday, 'H'),
    (Weekday::Friday, 'F'),
    (Weekday::Saturday, 'S'),
    (Weekday::Sunday, 'U'),
];

fn letters(days: StudyDays) -> String {
    WEEK.iter().filter(|(day, _)| days.holds(*day)).map(|(_, letter)| letter).collect()
}

fn check_days(text: &str, days: &str) {
    let wishes = Wishes::read(text);
    assert_eq!(letters(wishes.days), days, "{text}: {wishes:?}");
    assert_eq!(wishes.unread, Vec::<String>::new(), "{text}");
    assert_eq!(wishes.omit, Vec::<String>::new(), "{text}");
}

#[test]
fn days_off_are_read_in_english() {
    check_days("no weekends", "MTWHF");
    check_days("No sessions on weekends, please.", "MTWHF");
    check_days("not on Mondays", "TWHFSU");
    check_days("I can't study on Fridays and Saturdays", "MTWHU");
    check_days("every day except Sunday", "MTWHFS");
    check_days("Weekends off", "MTWHF");
    check_days("I am busy on weekends. Mondays are not possible.", "TWHF");
    check_days("skip Mon, Wed and Fri", "THSU");
    check_days("please keep Sundays free", "MTWHFS");
    check_days("every day but Sundays", "MTWHFS");
    check_days("nothing on weekends", "MTWHF");
    check_days("Mondays are bad for me", "TWHFSU");
}

#[test]
fn days_wanted_are_read_in_english() {
    check_days("only on Tuesdays and Thursdays", "TH");
    check_days("Tuesdays and Thursdays only", "TH");
    check_days("weekdays only", "MTWHF");
    check_days("only weekends", "SU");
    check_days("I study on Mondays, Wednesdays and Fridays", "MWF");
    check_days("only weekdays, but not on Fridays", "MTWH");
}

#[test]
fn days_spoken_of_again_after_a_comma_are_off() {
    check_days("I work on Mondays and Tuesdays, so no sessions then", "WHFSU");
    check_days("I have classes on Mondays, so nothing on those days please", "TWHFSU");
    check_days("I study French on Mondays, so not then", "TWHFSU");
}

#[test]
fn days_that_may_mean_either_are_named_and_not_followed() {
    for text in [
        "I work on Mondays and Tuesdays",
        "I only work on Mondays",
        "I study French on Mondays, so I have no energy left",
        "I can't study except on weekends",
        "I am not busy on Mondays",
        "Mondays are not bad",
        "No more than two sessions on Mondays",
        "I am busy on Monday mornings",
        "On Mondays I can only study in the evening",
        "No problem on Mondays",
        "Weekends are not impossible",
    ] {
        let wishes = Wishes::read(text);
        assert_eq!(wishes.days, StudyDays::ALL, "{text}");
        assert_eq!(wishes.unread, [text], "{text}");
    }
}

#[test]
fn days_off_are_read_in_korean() {
    check_days("주말 제외", "MTWHF");
    check_days("주말은 쉬고 싶어요", "MTWHF");
    check_days("주말에는 공부하고 싶지 않아요. 주말은 빼 주세요", "MTWHF");
    check_days("월요일은 안 돼요", "TWHFSU");
    check_days("월요일과 수요일은 빼 주세요", "THFSU");
    check_days("화요일에는 공부를 못 해요", "MWHFSU");
    check_days("토, 일은 쉽니다", "MTWHF");
    check_days("주말만 쉬고 싶어요", "MTWHF");
    check_days("화목 제외", "MWFSU");
    check_days("토, 일 빼고", "MTWHF");
}

#[test]
fn days_wanted_are_read_in_korean() {
    check_days("화, 목만", "TH");
    check_days("평일만", "MTWHF");
    check_days("평일에만 공부할게요", "MTWHF");
    check_days("월수금만 할 수 있어요", "MWF");
    check_days("주말에만 공부할 수 있어요", "SU");
    check_days("주말 말고 평일에 공부하고 싶어요", "MTWHF");
    check_days("월요일은 쉬고 화, 목만 할게요", "TH");
}

#[test]
fn words_that_only_look_like_days_are_not_read() {
    for text in [
        "할 수 있는 일부터 시작하고 싶어요",
        "토목 공학이 궁금해요",
        "The sun is hot",
        "On weekends I have more time",
    ] {
        let wishes = Wishes::read(text);
        assert_eq!(wishes.days, StudyDays::ALL, "{text}");
        assert_eq!(wishes.unread, [text], "{text}");
    }
}

#[test]
fn wishes_that_exclude_every_day_are_named_and_not_followed() {
    let wishes = Wishes::read("only weekends; no weekends");
    assert_eq!(wishes.days, StudyDays::ALL);
    assert_eq!(wishes.unread, ["only weekends; no weekends"]);
}

fn check_parts(text: &str, omit: &[&str], stress: &[&str]) {
    let wishes = Wishes::read(text);
    assert_eq!(wishes.omit, omit, "{text}");
    assert_eq!(wishes.stress, stress, "{text}");
    assert_eq!(wishes.unread, Vec::<String>::new(), "{text}");
}

#[test]
fn parts_are_read_in_english() {
    check_parts("skip chapter 3", &["chapter 3"], &[]);
    check_parts("Please leave out the appendix.", &["appendix"], &[]);
    check_parts("without the GNU licence", &["GNU licence"], &[]);
    check_parts("Focus on networking", &[], &["networking"]);
    check_parts(
        "Skip section 2.1 and focus on disk partitioning, please",
        &["section 2.1"],
        &["disk partitioning"],
    );
    check_parts("no weekends, skip the index", &["index"], &[]);
}

#[test]
fn parts_are_read_in_korean() {
    check_parts("부록은 빼 주세요", &["부록"], &[]);
    check_parts("3장 제외", &["3장"], &[]);
    check_parts("부록과 3장은 제외해 주세요", &["부록과 3장"], &[]);
    check_parts("네트워크 설정 위주로", &[], &["네트워크 설정"]);
    check_parts("파티션 부분을 중심으로 공부하고 싶어요", &[], &["파티션"]);
    check_parts("부록은 빼고 네트워크를 중심으로 해 주세요. 주말 제외", &["부록"], &["네트워크"]);
}

#[test]
fn wishes_of_several_kinds_are_read_from_one_sentence() {
    let check = |text: &str, days: &str, omit: &[&str], stress: &[&str]| {
        let wishes = Wishes::read(text);
        assert_eq!(letters(wishes.days), days, "{text}");
        assert_eq!(wishes.omit, omit, "{text}");
        assert_eq!(wishes.stress, stress, "{text}");
    };
    check(
        "평일에만, 주당 3회, 부록 B는 제외하고 파티션을 중심으로",
        "MTWHF",
        &["부록 B"],
        &["파티션"],
    );
    check("주말에는 쉬엄쉬엄 하고 부록은 빼고 싶어요", "MTWHFSU", &["부록"], &[]);
    check("주말 제외, 3장, 4장 제외", "MTWHF", &["3장, 4장"], &[]);
    check("skip the appendix, no weekends", "MTWHF", &["appendix"], &[]);
    check("skip the index and no weekends", "MTWHF", &["index"], &[]);
    check("주말과 공휴일은 제외하고 네트워크 위주로", "MTWHF", &[], &["네트워크"]);
}

#[test]
fn what_is_not_understood_is_named() {
    let wishes = Wishes::read("I am a beginner. No weekends.");
    assert_eq!(wishes.unread, ["I am a beginner"]);
    assert_eq!(letters(wishes.days), "MTWHF");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,80}", words in WISH_WORDS) {
        let _ = Wishes::read(&text);
        let wishes = Wishes::read(&words);
        proptest::prop_assert!(wishes.days.count() >= 1);
    }
}

/// Sentences of the words that the rules know, in any order.
const WISH_WORDS: &str = "((no|not|only|on|weekends|Mondays|주말|월요일은|화,|목만|제외|빼고|skip|focus on|\
    3장|appendix|위주로|,|\\.|;|é|가) ?){0,12}";
