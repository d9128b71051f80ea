/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report_group.c: the groups of a report.
 *
 * A group is a <details> that is open at first. Each day is one, in local time. Within a day a
 * session of a coding agent is one: from its newest turn to its oldest, with what was saved in
 * between, unless a turn of another session is in between; then it is several. A checkpoint has a
 * turn if the turn ended with it, so what is saved before the first prompt of a session does not
 * belong to it.
 */
#include "report/report.h"

#include <assert.h>
#include <string.h>

#include "term/term.h"

enum { DAY_SIZE = 10, /* "2026-11-21" */ AGENT_COLUMNS = 40, SESSION_COLUMNS = 24 };

static bool
is_same_day(const struct fi_report_page *page, size_t a, size_t b)
{
    char time_a[FI_TERM_TEXT_TIME_SIZE];
    char time_b[FI_TERM_TEXT_TIME_SIZE];
    assert(a < page->count && b < page->count);
    return memcmp(fi_term_text_time(page->checkpoints[a].created_ns, time_a),
                  fi_term_text_time(page->checkpoints[b].created_ns, time_b), DAY_SIZE) == 0;
}

/* ---- sessions ---- */

static bool
has_turn(const struct fi_report_page *page, size_t i)
{
    assert(i < page->count);
    return page->checkpoints[i].turn.agent.size > 0;
}

static bool
is_equal(firn_slice a, firn_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* The next checkpoint in this direction that has a turn of the same session, before one of another;
 * i itself if there is none on that day. */
static size_t
next_turn(const struct fi_report_page *page, size_t i, bool is_older)
{
    const firn_workspace_turn *turn = &page->checkpoints[i].turn;
    for (size_t at = i; is_older ? at + 1 < page->count : at > 0;) {
        at = is_older ? at + 1 : at - 1;
        const firn_workspace_turn *other = &page->checkpoints[at].turn;
        if (!is_same_day(page, i, at)) {
            return i;
        }
        if (has_turn(page, at)) {
            bool is_session =
                is_equal(turn->agent, other->agent) && is_equal(turn->session, other->session);
            return is_session ? at : i;
        }
    }
    return i;
}

static void
begin_session(const struct fi_report_page *page, size_t first)
{
    const firn_workspace_turn *turn = &page->checkpoints[first].turn;
    size_t turns = 1;
    for (size_t at = first, next; (next = next_turn(page, at, true)) != at; at = next) {
        turns++;
    }
    fi_report_html_raw("<details class=\"session\" open><summary><b>");
    (void)fi_report_html_title(turn->agent, AGENT_COLUMNS);
    fi_report_html_raw("</b> <small>");
    if (turn->session.size > 0) {
        fi_report_html_raw("session ");
        (void)fi_report_html_title(turn->session, SESSION_COLUMNS);
        fi_report_html_raw(" · ");
    }
    fi_report_html_format("%zu %s</small></summary>\n", turns,
                          fi_term_text_plural(turns, "turn", "turns"));
}

/* ---- days ---- */

static void
begin_day(const struct fi_report_page *page, size_t first)
{
    char time[FI_TERM_TEXT_TIME_SIZE];
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    size_t end = first + 1;
    while (end < page->count && is_same_day(page, first, end)) {
        end++;
    }
    fi_report_html_format("<details class=\"day\" open><summary><h2>%.*s</h2> <small>%s %s"
                          "</small></summary>\n",
                          DAY_SIZE, fi_term_text_time(page->checkpoints[first].created_ns, time),
                          fi_term_text_number(end - first, number),
                          fi_term_text_plural(end - first, "checkpoint", "checkpoints"));
}

void
fi_report_group_begin(const struct fi_report_page *page, size_t i)
{
    if (i == 0 || !is_same_day(page, i - 1, i)) {
        begin_day(page, i);
    }
    if (has_turn(page, i) && next_turn(page, i, false) == i) {
        begin_session(page, i);
    }
}

void
fi_report_group_end(const struct fi_report_page *page, size_t i)
{
    if (has_turn(page, i) && next_turn(page, i, true) == i) {
        fi_report_html_raw("</details>\n");
    }
    if (i + 1 == page->count || !is_same_day(page, i, i + 1)) {
        fi_report_html_raw("</details>\n");
    }
}
