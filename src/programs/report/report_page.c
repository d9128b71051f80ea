/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report_page.c: the frame of a report.
 *
 * The page is one self-contained file with style, script and chart. A policy in its head forbids
 * the browser to load or send anything, and to run any script except this one, which is named by
 * its SHA-256 (I1; not checked here: a change of the script changes the hash, which the browser
 * test notices). All contents are readable without the script, which adds a filter and a button
 * that opens and closes everything.
 *
 * Colours follow the reader's choice of light or dark. The layout is one column that fits a phone;
 * only code scrolls sideways.
 *
 * The chart shows the checkpoints from left to right, oldest first: a line for what each holds and
 * a bar for what it added to the store, each in its own scale. Of many, it shows the newest.
 */
#include "report/report.h"

#include <assert.h>

#include "term/term.h"

enum { CHART_MAX = 240, CHART_WIDTH = 960, CHART_HEIGHT = 120 };

static const char policy[] =
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'; script-src 'sha256-2BFNT4HJR0P9uDWFglKKiBfHGOkxjyYKqMEnX7GCHgs='; base-uri "
    "'none'; form-action 'none'\">\n";

static const char style[] =
    ":root{color-scheme:light "
    "dark;--bg:#fff;--fg:#1b1f24;--soft:#57606a;--line:#d8dee4;--card:#f6f8fa;"
    "--add:#116329;--addbg:#dafbe1;--del:#a40e26;--delbg:#ffebe9;--mark:#0a5bc4}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9198a1;--line:#"
    "30363d;"
    "--card:#161b22;--add:#56d364;--addbg:#12261e;--del:#ff7b72;--delbg:#2d1517;--mark:#79b8ff}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:64rem;padding:1rem;background:var(--bg);"
    "color:var(--fg);font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}\n"
    "h1{font-size:1.3rem;margin:.2rem 0}h2{font-size:1rem;margin:0}p{margin:.3rem 0}\n"
    "header p,small,.cut,footer{color:var(--soft)}small,.cut,footer,.facts{font-size:.85rem}\n"
    "figure{margin:0}svg{width:100%;height:auto;border-bottom:1px solid var(--line);margin:.6rem 0 "
    "0}\n"
    "svg rect{fill:var(--mark);opacity:.55}svg "
    "polyline{fill:none;stroke:var(--fg);stroke-width:1.5}\n"
    "#tools{display:flex;gap:.5rem;margin:.6rem 0}#tools[hidden]{display:none}"
    "#tools input{flex:1;min-width:0}\n"
    "#tools *{font:inherit;padding:.4rem .6rem;border:1px solid var(--line);border-radius:.4rem;"
    "background:var(--card);color:inherit}\n"
    "article{border:1px solid var(--line);border-radius:.5rem;margin:.8rem 0;padding:.7rem}"
    "article[hidden]{display:none}\n"
    ".facts{color:var(--soft)}.tag{color:var(--mark);border:1px solid;border-radius:1rem;"
    "padding:0 .5rem;font-size:.85rem}\n"
    "article>details>summary,article>p.none{margin-top:.4rem}summary{cursor:pointer;padding:.15rem "
    "0}\n"
    ".files{margin-left:.4rem;padding-left:.6rem;border-left:2px solid "
    "var(--line);font-size:.9rem}\n"
    "em{font-style:normal;font-size:.8rem;color:var(--soft);border:1px solid var(--line);"
    "border-radius:.3rem;padding:0 .3rem}em.added{color:var(--add)}em.removed{color:var(--del)}\n"
    "ins{color:var(--add);text-decoration:none}del{color:var(--del);text-decoration:none}\n"
    "pre{overflow-x:auto;background:var(--card);border-radius:.4rem;padding:.5rem;margin:.2rem 0;"
    "font:13px/1.4 ui-monospace,monospace;tab-size:4}\n"
    "pre ins{background:var(--addbg)}pre del{background:var(--delbg)}"
    "pre b{color:var(--mark);font-weight:normal}pre i{color:var(--soft)}\n"
    "@media print{#tools{display:none}}";

static const char script[] =
    "(function(){var t=document.getElementById('tools'),q=document.getElementById('filter'),"
    "b=document.getElementById('fold');t.hidden=false;"
    "q.addEventListener('input',function(){var w=q.value.toLowerCase();"
    "document.querySelectorAll('article').forEach(function(a){"
    "a.hidden=w!==''&&a.textContent.toLowerCase().indexOf(w)<0})});"
    "b.addEventListener('click',function(){var o=b.getAttribute('aria-pressed')!=='true';"
    "b.setAttribute('aria-pressed',String(o));"
    "document.querySelectorAll('details').forEach(function(d){d.open=o})})})();";

/* ---- the chart ---- */

static uint64_t
at_least_one(uint64_t value)
{
    return value > 0 ? value : 1;
}

static unsigned
height_of(uint64_t value, uint64_t largest)
{
    assert(value <= largest);
    return (unsigned)((double)value / (double)at_least_one(largest) * (CHART_HEIGHT - 10));
}

static void
show_bar(const firn_workspace_checkpoint *checkpoint, size_t left, size_t width, uint64_t largest)
{
    char bytes[FIRN_TERM_TEXT_SIZE_SIZE];
    char added[FIRN_TERM_TEXT_SIZE_SIZE];
    unsigned height = height_of(checkpoint->added_bytes, largest);
    height = height > 0 || checkpoint->added_bytes == 0 ? height : 1;
    firn_report_html_format(
        "<rect x=\"%zu\" y=\"%u\" width=\"%zu\" height=\"%u\"><title>%s: %s, %s added"
        "</title></rect>",
        left, CHART_HEIGHT - height, width > 2 ? width - 1 : 1, height,
        checkpoint->is_safety ? "safety" : "checkpoint",
        firn_term_text_size(checkpoint->bytes, bytes),
        firn_term_text_size(checkpoint->added_bytes, added));
}

static void
show_chart(const struct firn_report_page *page)
{
    size_t count = page->count < CHART_MAX ? page->count : CHART_MAX;
    uint64_t added = 0;
    uint64_t bytes = 0;
    if (count < 2) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const firn_workspace_checkpoint *checkpoint = &page->checkpoints[i];
        added = checkpoint->added_bytes > added ? checkpoint->added_bytes : added;
        bytes = checkpoint->bytes > bytes ? checkpoint->bytes : bytes;
    }
    size_t width = CHART_WIDTH / count;
    firn_report_html_format(
        "<figure><svg viewBox=\"0 0 %zu %d\" role=\"img\" aria-label=\"sizes of the "
        "checkpoints\">",
        width * count, CHART_HEIGHT);
    for (size_t i = 0; i < count; i++) {
        show_bar(&page->checkpoints[count - 1 - i], i * width, width, added);
    }
    firn_report_html_raw("<polyline points=\"");
    for (size_t i = 0; i < count; i++) {
        firn_report_html_format("%zu,%u ", i * width + width / 2,
                                CHART_HEIGHT -
                                    height_of(page->checkpoints[count - 1 - i].bytes, bytes));
    }
    char most_bytes[FIRN_TERM_TEXT_SIZE_SIZE];
    char most_added[FIRN_TERM_TEXT_SIZE_SIZE];
    firn_report_html_format(
        "\"/></svg><figcaption><small>Line: what a checkpoint holds, at most %s. "
        "Bars: what it added to the store, at most %s.</small></figcaption></figure>\n",
        firn_term_text_size(bytes, most_bytes), firn_term_text_size(added, most_added));
}

/* ---- head and foot ---- */

static void
show_span(const struct firn_report_page *page)
{
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    char from[FIRN_TERM_TEXT_TIME_SIZE];
    char to[FIRN_TERM_TEXT_TIME_SIZE];
    char zone[FIRN_TERM_TEXT_TIME_SIZE];
    if (page->count == 0) {
        firn_report_html_raw("<p>no checkpoints</p>\n");
        return;
    }
    firn_report_html_format(
        "<p>%s %s, from %s to %s (UTC%s)%s</p>\n", firn_term_text_number(page->count, number),
        firn_term_text_plural(page->count, "checkpoint", "checkpoints"),
        firn_term_text_time(page->checkpoints[page->count - 1].created_ns, from),
        firn_term_text_time(page->checkpoints[0].created_ns, to),
        firn_term_text_zone(page->checkpoints[0].created_ns, zone),
        page->has_older ? "; there are older ones" : "");
}

void
firn_report_page_begin(const struct firn_report_page *page)
{
    firn_report_html_raw("<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    firn_report_html_raw(policy); /* (I1) */
    firn_report_html_raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                         "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    firn_report_html_name(firn_str(page->root));
    firn_report_html_raw("</title>\n<style>\n");
    firn_report_html_raw(style);
    firn_report_html_raw("\n</style></head>\n<body><header><h1>");
    firn_report_html_name(firn_str(page->root));
    firn_report_html_raw("</h1>\n");
    show_span(page);
    show_chart(page);
    firn_report_html_raw(
        "<div id=\"tools\" hidden><input id=\"filter\" type=\"search\" "
        "placeholder=\"show only what contains …\" aria-label=\"filter\">"
        "<button id=\"fold\" type=\"button\" aria-pressed=\"false\">open all</button></div>"
        "</header>\n<main>\n");
}

void
firn_report_page_end(const struct firn_report_page *page, uint64_t cut)
{
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    firn_report_html_raw("</main>\n<footer>");
    if (page->has_older) {
        firn_report_html_raw("<p>Older checkpoints are left out: see firn report --limit.</p>");
    }
    if (cut > 0) {
        firn_report_html_format("<p>Of %s %s lines are left out, to keep the page small.</p>",
                                firn_term_text_number(cut, number),
                                firn_term_text_plural(cut, "file", "files"));
    }
    firn_report_html_format("<p>Made by firn %s.</p></footer>\n<script>", firn_version());
    firn_report_html_raw(script);
    firn_report_html_raw("</script>\n</body></html>\n");
}
