//! What went wrong and what to do, in a reader's language: one table for every code of the
//! contract that a page can meet. It never shows a message that was written for programs.

use jiff::civil::Date;
use oxherd_study::material::EntityError;
use oxherd_study::plan::Warning;

use super::{KO, Words};
use crate::error::ApiError;

/// A sentence in English and in Korean.
type Said = (&'static str, &'static str);

impl Words {
    fn pick(&self, said: Said) -> &'static str {
        if self.code == KO.code { said.1 } else { said.0 }
    }

    /// Says why a request was refused.
    pub(in super::super) fn refusal(&self, error: &ApiError) -> String {
        if error.validation.is_empty() {
            return self.pick(failure(error.code, &error.message)).to_owned();
        }
        let wrong = error.validation.iter().map(|wrong| self.pick(field(&wrong.field)));
        let mut said: Vec<&str> = wrong.collect();
        said.dedup();
        said.join(" ")
    }

    /// Says why a document or a plan has failed.
    pub(in super::super) fn failure(&self, error: &EntityError) -> &'static str {
        self.pick(failure(&error.code, &error.message))
    }

    /// Says what a learner should know about a plan.
    pub(in super::super) fn warning(&self, warning: &Warning) -> String {
        let fact = |name: &str| warning.facts.get(name).and_then(|fact| fact.as_str());
        let korean = self.code == KO.code;
        match warning.code.as_str() {
            "TARGET_DATE_INFEASIBLE" => {
                let day = fact("feasibleDate").and_then(|text| text.parse::<Date>().ok());
                let day = day.map(|day| self.day(day)).unwrap_or_default();
                if korean {
                    format!("정한 날까지 다 넣을 수 없어요. 가장 빠르게는 {day}에 끝나요.")
                } else {
                    format!(
                        "The sessions do not fit before the day you chose. They can end on {day}."
                    )
                }
            }
            "REQUIREMENT_NOT_FOLLOWED" => {
                let wish = fact("requirement").unwrap_or_default();
                if korean {
                    format!("바라는 점 중 이것은 반영하지 못했어요: “{wish}”")
                } else {
                    format!(
                        "This wish was not followed; nothing in the documents answers to it: “{wish}”"
                    )
                }
            }
            _ => warning.message.clone(),
        }
    }
}

fn failure(code: &str, message: &str) -> Said {
    if code == "MATERIAL_PARSE_FAILED" {
        return unread(message);
    }
    of_documents(code).or_else(|| of_plans(code)).unwrap_or_else(|| of_service(code))
}

fn of_documents(code: &str) -> Option<Said> {
    Some(match code {
        "MATERIAL_ENCRYPTED" => (
            "It is protected with a password. Save a copy without one and drop that.",
            "암호로 잠겨 있어요. 암호를 푼 사본을 놓아 주세요.",
        ),
        "MATERIAL_NO_TEXT" => (
            "No text was found in it. Drop a version whose text can be selected.",
            "글자를 찾지 못했어요. 글자를 고를 수 있는 파일을 놓아 주세요.",
        ),
        "MATERIAL_PAGE_LIMIT" => (
            "It has more than 1,000 pages. Split it and drop the parts you need.",
            "1,000쪽이 넘어요. 필요한 부분만 나누어 놓아 주세요.",
        ),
        "MATERIAL_DUPLICATE" => {
            ("You have this document already; it is in the list.", "이미 목록에 있는 자료예요.")
        }
        "MATERIAL_UNSUPPORTED_TYPE" | "UNSUPPORTED_MEDIA_TYPE" => (
            "This kind of file cannot be read here. PDF, Word, HTML, Markdown and text can.",
            "읽을 수 없는 형식이에요. PDF, Word, HTML, Markdown, 텍스트를 쓸 수 있어요.",
        ),
        "UPLOAD_CONTENT_MISMATCH" => (
            "Its content is not what its name says. Save it again in the right format and drop that.",
            "파일 이름과 내용의 형식이 달라요. 알맞은 형식으로 다시 저장해서 놓아 주세요.",
        ),
        "MATERIAL_FILE_TOO_LARGE" | "PAYLOAD_TOO_LARGE" => (
            "It is larger than 50 MB. Split it and drop the parts you need.",
            "50 MB보다 커요. 필요한 부분만 나누어 놓아 주세요.",
        ),
        "INVALID_MULTIPART" | "REQUEST_TIMEOUT" => (
            "The file did not arrive whole. Send it again.",
            "파일이 끝까지 오지 않았어요. 다시 보내 주세요.",
        ),
        "MATERIAL_NOT_FOUND" | "ENTITY_NOT_FOUND" => {
            ("This document is no longer there.", "이 자료는 이제 없어요.")
        }
        _ => return None,
    })
}

/// Tells the causes apart that share `MATERIAL_PARSE_FAILED`, each with its own fix.
fn unread(message: &str) -> Said {
    let about = |text: &str| message.contains(text);
    if about("more text than fits") {
        return (
            "It holds more text than one document may. Split it and drop the parts you need.",
            "글이 너무 많아요. 필요한 부분만 나누어 놓아 주세요.",
        );
    }
    if about("takes too") || about("took too long") {
        return (
            "Reading it takes too much time or memory. Split it, or save it as text, and drop that.",
            "읽는 데 시간이나 메모리가 너무 많이 들어요. 나누거나 텍스트로 저장해서 놓아 주세요.",
        );
    }
    if about("could not be started") {
        return (
            "The program that reads documents did not start. Try again in a moment.",
            "자료를 읽는 프로그램이 시작되지 않았어요. 잠시 후 다시 시도해 주세요.",
        );
    }
    (
        "It could not be read; it may be damaged. Save it again and drop the new file.",
        "읽을 수 없는 파일이에요. 다시 저장한 파일을 놓아 주세요.",
    )
}

fn of_plans(code: &str) -> Option<Said> {
    Some(match code {
        "PLAN_MATERIAL_LIMIT" => (
            "Tick one to five documents for the plan.",
            "계획에 쓸 자료를 한 개에서 다섯 개까지 골라 주세요.",
        ),
        "PLAN_MATERIAL_FAILED" | "PLAN_MATERIAL_NOT_READY" => (
            "One of its documents could not be read. Make a plan without it.",
            "고른 자료 중 읽지 못한 것이 있어요. 그 자료를 빼고 만들어 주세요.",
        ),
        "PLAN_GENERATION_FAILED" => (
            "The plan could not be written. Try again; a clearer goal can help.",
            "계획을 만들지 못했어요. 다시 시도해 주세요. 목표를 더 분명히 쓰면 도움이 돼요.",
        ),
        "PLAN_HAS_PROGRESS" => (
            "Sessions of this plan are done already. Make a new plan instead.",
            "이미 끝낸 회차가 있어요. 새 계획을 만들어 주세요.",
        ),
        "PLAN_NOT_FOUND" | "SESSION_NOT_FOUND" => {
            ("This plan is no longer there.", "이 계획은 이제 없어요.")
        }
        _ => return None,
    })
}

fn of_service(code: &str) -> Said {
    match code {
        "CANCELLED" => ("Cancelled.", "취소했어요."),
        "JOB_FINISHED" | "JOB_NOT_FOUND" | "JOB_WRONG_STATE" | "MATERIAL_NOT_FAILED" => {
            ("This has ended already.", "이미 끝난 일이에요.")
        }
        "NOT_FOUND" => ("There is nothing at this address.", "이 주소에는 아무것도 없어요."),
        "QUEUE_UNAVAILABLE" | "STORAGE_UNAVAILABLE" => (
            "The service is not ready for this just now. Try again in a moment.",
            "지금은 처리할 수 없어요. 잠시 후 다시 시도해 주세요.",
        ),
        "ORIGIN_NOT_ALLOWED" => (
            "Open this page by the address that Oxherd printed at its start.",
            "Oxherd가 시작할 때 보여 준 주소로 열어 주세요.",
        ),
        _ => (
            "Something went wrong here. Try again in a moment.",
            "문제가 생겼어요. 잠시 후 다시 시도해 주세요.",
        ),
    }
}

fn field(name: &str) -> Said {
    match name {
        "goal" => ("Say your goal in 1 to 500 characters.", "목표를 500자 안으로 적어 주세요."),
        "targetDueDate" => ("Choose today or a later day.", "오늘이나 그 뒤의 날을 골라 주세요."),
        "sessionsPerWeek" => {
            ("Choose 1 to 21 sessions a week.", "일주일에 1번에서 21번까지 고를 수 있어요.")
        }
        "specialRequirements" => {
            ("Keep the wishes within 2,000 characters.", "바라는 점은 2,000자 안으로 적어 주세요.")
        }
        _ => (
            "Something in the form is not as it should be. Check it and try again.",
            "입력한 내용을 다시 확인해 주세요.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use oxherd_study::error::ErrorCode;
    use serde_json::json;

    use super::super::{EN, KO};
    use super::*;

    #[test]
    fn a_document_that_is_too_long_is_not_called_damaged() {
        let failed = |message: &str| EntityError::new(ErrorCode::MaterialParseFailed, message);

        let long = failed("the file holds more text than fits; split it into several files");
        let damaged = failed("the file is damaged or is not what its name says");

        assert!(EN.failure(&long).contains("Split it"), "{}", EN.failure(&long));
        assert!(EN.failure(&damaged).contains("damaged"), "{}", EN.failure(&damaged));
        assert_ne!(KO.failure(&long), KO.failure(&damaged));
    }

    #[test]
    fn a_refused_field_is_told_in_the_readers_language() {
        let error = ApiError::field("targetDueDate", "OUT_OF_RANGE", "must be 2026-11-24 or later");

        assert_eq!(EN.refusal(&error), "Choose today or a later day.");
        assert_eq!(KO.refusal(&error), "오늘이나 그 뒤의 날을 골라 주세요.");
    }

    #[test]
    fn a_warning_is_told_in_the_readers_language() {
        let facts = serde_json::Map::from_iter([("requirement".to_owned(), json!("부록"))]);
        let code = "REQUIREMENT_NOT_FOLLOWED".to_owned();
        let warning = Warning { code, message: "raw".to_owned(), facts };

        assert_eq!(KO.warning(&warning), "바라는 점 중 이것은 반영하지 못했어요: “부록”");
        assert!(EN.warning(&warning).ends_with("“부록”"));
    }
}
