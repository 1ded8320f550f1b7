//! Words that are in every text and tell nothing: function words, and the small change of manuals.

use std::collections::HashSet;
use std::sync::LazyLock;

/// English stop words, in lower case.
pub(super) static ENGLISH: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| ENGLISH_WORDS.split_whitespace().collect());

/// Korean stop words, with and without particles.
pub(super) static KOREAN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| KOREAN_WORDS.split_whitespace().collect());

const ENGLISH_WORDS: &str = "\
    a able about above according across actually add added after again against ago all allow allowed \
    allows almost alone along already also although always am among an and another any anyone \
    anything anyway are around as ask at available away back based be became because become becomes \
    been before began begin behind being below best better between beyond big both bring but by call \
    called calls came can cannot case cases cause certain chapter choose clear com come comes common \
    complete contain contained contains could course current currently days did different do does \
    doing don't done down due during each early easily easy e.g eg either else end enough especially etc \
    even ever every everything example examples except fact far few figure find first five follow \
    followed following follows for found four from full further gave general generally get gets give \
    given gives go goes going good got great had happen happens has have having he help hence her \
    here high him his how however http https i i.e ie if important in include included includes \
    including indeed instead into is isn't it it's its itself just keep kept kind know known knows \
    large last later least left less let like likely little long look looks lot low made main mainly \
    make makes making many may maybe mean means meant might more moreover most much must my name \
    namely nearly necessary need needed needs neither never new next no non none nor normal normally \
    not note nothing now number obvious of off often ok old on once one ones only onto open or order \
    org other others otherwise our out over own page particular particularly parts per perform \
    perhaps please point possible press probably provide provided provides put quite rather read \
    really recent refer related require required requires respectively result return returned \
    returns right said same saw say says section see seem seems seen select set sets several shall \
    she should show showed shown shows similar simple simply since small so some someone something \
    sometimes soon specific specified specify start started starts step still such sure table take \
    taken takes tell tells than that the their them themselves then there therefore these they thing \
    things think this those though three through thus time times to together too took toward towards \
    true try turn two type typical typically under unless until up upon us use used useful user uses \
    using usual usually value various very via want wants was way ways we well went were what \
    whatever when where whether which while who whole whom whose why will wish with within without \
    won't word words work works would www yes yet you your yourself";

const KOREAN_WORDS: &str = "\
    가지 각 각각 간 간단 거의 것 것은 것을 것이 것도 것과 경우 경우에 경우에는 계속 곳 과정 관련 관하여 관한 그 \
    그것 그냥 그대로 그때 그러나 그러면 그러므로 그런 그런데 그럼 그렇게 그렇지 그리고 그림 기타 까지 나머지 \
    나중 내 내용 너무 누구 누군가 다 다른 다만 다시 다양 다음 다음과 단지 당신 대개 대부분 대신 대하여 대한 대해 \
    대해서 더 더욱 더이상 동안 두 두번째 등 등과 등등 등을 등의 등이 따라 따라서 따른 때 때는 때문 때문에 때에 \
    때에는 또 또는 또한 뒤 마지막 마찬가지 마치 만약 만일 많은 많이 말 매우 먼저 모두 모든 무엇 무엇을 문제 물론 및 \
    바 바로 반드시 방법 번 번째 별로 보통 보기 부분 분 비롯 뿐 사실 사용 사용법 사이 사항 새 새로 새로운 서로 설명 세 수 \
    수가 수는 수도 순간 쉽게 시 실제 실제로 아니 아니라 아니면 아래 아마 아주 아직 안 않게 앞 앞서 약 약간 어느 \
    어떠한 어떤 어떻게 어렵게 언제 언제나 얼마 여기 여기서 여기에 여러 여러분 여부 역시 예 예를 예제 오직 오히려 \
    완전 외 외에 왜 요즘 우리 우선 원래 위 위의 위에 위하여 위한 위해 위해서 의하면 의해 의해서 이 이것 이것은 이것을 \
    이것이 이는 이때 이러한 이런 이렇게 이를 이미 이상 이야기 이외 이용 이전 이제 이하 이후 인한 인해 일 일단 일반 \
    일반적 일반적으로 일부 일이 입니다 자기 자세 자신 자체 작은 잘 잠시 저 적 적어도 적절 적당 전 전체 점 정도 제 제가 \
    제공 조금 존재 좀 좋은 좋을 주로 중 중에 중에서 즉 지금 지난 직접 차라리 참고 첫 첫번째 추가 충분 크게 큰 통하여 \
    통한 통해 통해서 특별 특정 특히 편 필요 하나 하나의 하지만 한 한다 한번 함께 해당 향후 현재 혹은 확인 후 후에 가능 \
    가장 가끔 각종 그러 제대 제대로 사람 다음 결국 곧 그래서 그래도 그들 그에 그와 그의 나 나는 너 대로 덕분 도 만 만큼 모습 못 보다 생각 수많은 쉬운 \
    시작 아무 아무런 양쪽 어디 없이 여전히 오늘 온 의 이름 이번 이어 이처럼 자주 전혀 제일 종종 주  줄 최근 최대 최소 커다란 \
    하 형태 힘 페이지 장 절";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_hold_function_words_and_no_terms() {
        assert!(ENGLISH.contains("the") && !ENGLISH.contains("kernel"));
        assert!(KOREAN.contains("그리고") && !KOREAN.contains("커널"));
    }
}
