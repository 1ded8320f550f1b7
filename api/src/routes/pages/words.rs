//! The words of the pages, in English and in Korean.

use oxherd_study::material::MaterialStep;
use oxherd_study::plan::PlanStep;

/// The words of one language.
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) headline: &'static str,
    pub(super) types: &'static str,
    pub(super) choose: &'static str,
    pub(super) send: &'static str,
    pub(super) or_sample: &'static str,
    pub(super) samples: [(&'static str, &'static str); 2],
    pub(super) documents: &'static str,
    pub(super) no_documents: &'static str,
    pub(super) waiting: &'static str,
    pub(super) ready: &'static str,
    pub(super) pages: &'static str,
    pub(super) parts: &'static str,
    pub(super) retry: &'static str,
    pub(super) cancel: &'static str,
    pub(super) remove: &'static str,
    pub(super) include: &'static str,
    pub(super) goal: &'static str,
    pub(super) goal_example: &'static str,
    pub(super) until: &'static str,
    pub(super) per_week: &'static str,
    pub(super) wishes: &'static str,
    pub(super) wishes_example: &'static str,
    pub(super) make_plan: &'static str,
    pub(super) waits_for: &'static str,
    pub(super) plans: &'static str,
    session: &'static str,
    sessions: &'static str,
    pub(super) minutes: &'static str,
    pub(super) optional: &'static str,
    pub(super) page_short: &'static str,
    pub(super) passage: &'static str,
    pub(super) done: &'static str,
    pub(super) done_of: &'static str,
    pub(super) mark_done: &'static str,
    pub(super) show: &'static str,
    pub(super) close: &'static str,
    pub(super) theme: &'static str,
    pub(super) uploading: &'static str,
    pub(super) reconnecting: &'static str,
    pub(super) time_left: &'static str,
    pub(super) failed_upload: &'static str,
    pub(super) waits_for_materials: &'static str,
    pub(super) back: &'static str,
    pub(super) api: &'static str,
}

pub(super) static EN: Words = Words {
    code: "en",
    headline: "Drop what you want to learn.",
    types: "PDF, Word, web pages, Markdown, text · up to 50 MB",
    choose: "Choose files",
    send: "Send",
    or_sample: "or try a sample:",
    samples: [("job-queues.md", "Background jobs"), ("spaced-study.ko.md", "오래 기억하는 공부법")],
    documents: "Documents",
    no_documents: "Nothing here yet. A document that you drop is read on this machine alone.",
    waiting: "waiting",
    ready: "ready",
    pages: "pages",
    parts: "passages",
    retry: "Try again",
    cancel: "Cancel",
    remove: "Remove",
    include: "Use for the plan",
    goal: "Goal",
    goal_example: "pass the midterm in four weeks",
    until: "Until",
    per_week: "Sessions a week",
    wishes: "Wishes",
    wishes_example: "no weekends, skip the appendix",
    make_plan: "Make plan",
    waits_for: "It starts when the chosen documents are ready.",
    plans: "Plans",
    session: " session",
    sessions: " sessions",
    minutes: " min",
    optional: "optional",
    page_short: "p.",
    passage: "Passage",
    done: "done",
    done_of: "of",
    mark_done: "Mark as done",
    show: "Show the plan",
    close: "Close",
    theme: "Light or dark",
    uploading: "sending",
    reconnecting: "Reconnecting…",
    time_left: "about {} s left",
    failed_upload: "The file could not be sent. Check the connection and try again.",
    waits_for_materials: "waits for its documents",
    back: "Back",
    api: "API",
};

pub(super) static KO: Words = Words {
    code: "ko",
    headline: "배우고 싶은 자료를 놓아 주세요.",
    types: "PDF, Word, 웹 페이지, Markdown, 텍스트 · 최대 50 MB",
    choose: "파일 고르기",
    send: "보내기",
    or_sample: "또는 예시로 시작하기:",
    samples: [("job-queues.md", "Background jobs"), ("spaced-study.ko.md", "오래 기억하는 공부법")],
    documents: "자료",
    no_documents: "아직 자료가 없어요. 놓은 자료는 이 컴퓨터에서만 읽어요.",
    waiting: "기다리는 중",
    ready: "준비됐어요",
    pages: "쪽",
    parts: "단락",
    retry: "다시 시도",
    cancel: "취소",
    remove: "지우기",
    include: "계획에 쓰기",
    goal: "목표",
    goal_example: "4주 안에 중간고사 준비 끝내기",
    until: "언제까지",
    per_week: "일주일에 몇 번",
    wishes: "바라는 점",
    wishes_example: "주말 제외, 부록은 빼 주세요",
    make_plan: "계획 만들기",
    waits_for: "고른 자료가 준비되면 바로 시작해요.",
    plans: "학습 계획",
    session: "회",
    sessions: "회",
    minutes: "분",
    optional: "선택",
    page_short: "쪽",
    passage: "원문",
    done: "완료",
    done_of: "/",
    mark_done: "끝냈어요",
    show: "계획 보기",
    close: "닫기",
    theme: "밝게 또는 어둡게",
    uploading: "보내는 중",
    reconnecting: "다시 연결하고 있어요…",
    time_left: "약 {}초 남았어요",
    failed_upload: "파일을 보내지 못했어요. 연결을 확인하고 다시 시도해 주세요.",
    waits_for_materials: "자료를 기다리고 있어요",
    back: "돌아가기",
    api: "API",
};

impl Words {
    /// Counts sessions.
    pub(super) fn count_sessions(&self, count: usize) -> String {
        format!("{count}{}", if count == 1 { self.session } else { self.sessions })
    }

    /// Says a step of processing.
    pub(super) fn material_step(&self, step: MaterialStep) -> &'static str {
        let korean = self.code == "ko";
        match (step, korean) {
            (MaterialStep::Validating, false) => "checking",
            (MaterialStep::Validating, true) => "확인하는 중",
            (MaterialStep::Parsing, false) => "reading",
            (MaterialStep::Parsing, true) => "읽는 중",
            (MaterialStep::Chunking, false) => "finding its parts",
            (MaterialStep::Chunking, true) => "나누는 중",
            (MaterialStep::Embedding | MaterialStep::Indexing, false) => "learning its words",
            (MaterialStep::Embedding | MaterialStep::Indexing, true) => "내용을 익히는 중",
            (MaterialStep::Finalizing, false) => "nearly done",
            (MaterialStep::Finalizing, true) => "거의 다 됐어요",
            (MaterialStep::Completed, _) => self.ready,
        }
    }

    /// Says a step of making a plan.
    pub(super) fn plan_step(&self, step: PlanStep) -> &'static str {
        let korean = self.code == "ko";
        match (step, korean) {
            (PlanStep::Loading, false) => "opening the documents",
            (PlanStep::Loading, true) => "자료를 여는 중",
            (PlanStep::Planning, false) => "deciding the parts",
            (PlanStep::Planning, true) => "단원을 정하는 중",
            (PlanStep::Writing, false) => "writing the sessions",
            (PlanStep::Writing, true) => "학습 회차를 쓰는 중",
            (PlanStep::Saving, false) => "giving each a day",
            (PlanStep::Saving, true) => "날짜를 정하는 중",
            (PlanStep::Completed, _) => self.ready,
        }
    }

    /// Says what went wrong and what to do, for a code of the contract.
    pub(super) fn failure(&self, code: &str) -> Option<&'static str> {
        let korean = self.code == "ko";
        Some(match (code, korean) {
            ("MATERIAL_ENCRYPTED", false) => {
                "It is protected with a password. Save a copy without one and drop that."
            }
            ("MATERIAL_ENCRYPTED", true) => "암호로 잠겨 있어요. 암호를 푼 사본을 놓아 주세요.",
            ("MATERIAL_NO_TEXT", false) => {
                "It holds pictures but no text. Drop a version whose text can be selected."
            }
            ("MATERIAL_NO_TEXT", true) => {
                "글자가 없고 그림만 있어요. 글자를 고를 수 있는 파일을 놓아 주세요."
            }
            ("MATERIAL_PAGE_LIMIT", false) => {
                "It has more than 1,000 pages. Split it and drop the parts you need."
            }
            ("MATERIAL_PAGE_LIMIT", true) => "1,000쪽이 넘어요. 필요한 부분만 나누어 놓아 주세요.",
            ("MATERIAL_PARSE_FAILED", false) => {
                "It could not be read; it may be damaged. Save it again and drop the new file."
            }
            ("MATERIAL_PARSE_FAILED", true) => {
                "읽을 수 없는 파일이에요. 다시 저장한 파일을 놓아 주세요."
            }
            ("MATERIAL_DUPLICATE", false) => "You have this document already; it is in the list.",
            ("MATERIAL_DUPLICATE", true) => "이미 목록에 있는 자료예요.",
            ("MATERIAL_UNSUPPORTED_TYPE", false) => {
                "This kind of file cannot be read here. PDF, Word, HTML, Markdown and text can."
            }
            ("MATERIAL_UNSUPPORTED_TYPE", true) => {
                "읽을 수 없는 형식이에요. PDF, Word, HTML, Markdown, 텍스트를 쓸 수 있어요."
            }
            ("PLAN_MATERIAL_FAILED", false) => "One of its documents could not be read.",
            ("PLAN_MATERIAL_FAILED", true) => "계획에 쓸 자료를 읽지 못했어요.",
            ("CANCELLED", false) => "Cancelled.",
            ("CANCELLED", true) => "취소했어요.",
            _ => return None,
        })
    }
}
