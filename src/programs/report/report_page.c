/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report_page.c: the frame of a report.
 *
 * The page is one self-contained file with style, script and chart. A policy in its head forbids
 * the browser to load or send anything, and to run any script except that of report_script.c. All
 * contents are readable without the script.
 *
 * Colours follow the reader's choice of light or dark. The layout is one column that fits a phone;
 * only code scrolls sideways.
 *
 * The chart shows the checkpoints from left to right, oldest first: a line for what each holds and
 * a bar for what it added to the store, each in its own scale. A bar leads to its checkpoint. Of
 * many, the chart shows the newest. The first save of a workspace adds everything, so the scale
 * does not count it: if its bar is too long it ends at the top, and looks different.
 */
#include "report/report.h"

#include <assert.h>

#include "show/show.h"
#include "term/term.h"

enum { CHART_MAX = 240, BAR_WIDTH_MAX = 24, CHART_WIDTH = 960, CHART_HEIGHT = 120 };

static const char policy[] =
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n";

/* clang-format off */
static const char style[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#57606a;--line:#d8dee4;"
    "--card:#f6f8fa;--mark:#0a5bc4;\n"
    "--add:#116329;--addbg:#e6ffec;--addword:#aceebb;--del:#a40e26;--delbg:#ffebe9;"
    "--delword:#ffc1ba}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9198a1;"
    "--line:#30363d;--card:#161b22;--mark:#79b8ff;\n"
    "--add:#56d364;--addbg:#12261e;--addword:#1f572d;--del:#ff7b72;--delbg:#2d1517;"
    "--delword:#792e2e}}\n"
    "*{box-sizing:border-box}[hidden]{display:none!important}\n"
    "body{margin:0 auto;max-width:64rem;padding:1rem;background:var(--bg);color:var(--fg);"
    "font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}\n"
    "h1{font-size:1.3rem;margin:.2rem 0}h2,h3{font-size:1rem;margin:0}h2{display:inline}"
    "p{margin:.3rem 0}a{color:var(--mark)}\n"
    "header p,small,.cut,footer,.facts{color:var(--soft)}small,.cut,footer,.facts,"
    "#keys{font-size:.85rem}\n"
    "figure{margin:0}svg{width:100%;height:auto;border-bottom:1px solid var(--line);"
    "margin:.6rem 0 0}\n"
    "svg rect{fill:var(--mark);opacity:.55}svg .hit{opacity:0}svg .first{opacity:.25}"
    "svg a:hover .hit{opacity:.12}svg a:hover :not(.hit){opacity:1}\n"
    "svg polyline{fill:none;stroke:var(--fg);stroke-width:1.5;pointer-events:none}\n"
    "#tools{display:flex;gap:.5rem;margin:.6rem 0}#filter{flex:1;min-width:0}"
    "#tools *{font:inherit;padding:.4rem .6rem;border-radius:.4rem}\n"
    "input,button,kbd{border:1px solid var(--line);border-radius:.3rem;background:var(--card);"
    "color:inherit}\n"
    "button{font:inherit;padding:0 .4rem;cursor:pointer}button:hover{border-color:var(--mark);"
    "color:var(--mark)}\n"
    "kbd{padding:0 .35rem;margin-left:.6rem;font:.8rem ui-monospace,monospace}\n"
    "summary{cursor:pointer;padding:.15rem 0}.day>summary{margin-top:1rem}"
    ".session{border-left:3px solid var(--mark);border-radius:.2rem;padding-left:.7rem;"
    "margin:.6rem 0}\n"
    "article{border:1px solid var(--line);border-radius:.5rem;margin:.6rem 0;padding:.7rem}"
    "article,.files>*{scroll-margin:.7rem}\n"
    "article:focus,article:target{outline:2px solid var(--mark);outline-offset:-1px}\n"
    ".tag{font-weight:normal;color:var(--mark);border:1px solid;border-radius:1rem;"
    "padding:0 .5rem;font-size:.85rem}code{font-family:ui-monospace,monospace;color:var(--fg);"
    "margin-right:.3rem}\n"
    ".files{margin-left:.4rem;padding-left:.6rem;border-left:2px solid var(--line);"
    "font-size:.9rem}.files>div{padding:.15rem 0 .15rem 1rem}\n"
    ".files button,.facts button{font-size:.8rem;color:var(--soft)}\n"
    "em{font-style:normal;font-size:.8rem;color:var(--soft);border:1px solid var(--line);"
    "border-radius:.3rem;padding:0 .3rem}\n"
    "em.added{color:var(--add)}em.removed{color:var(--del)}ins{color:var(--add);"
    "text-decoration:none}del{color:var(--del);text-decoration:none}\n"
    "pre{overflow-x:auto;background:var(--card);border-radius:.4rem;padding:.5rem;margin:.2rem 0;"
    "font:13px/1.4 ui-monospace,monospace;tab-size:4}\n"
    ".text{white-space:pre-wrap}pre ins{background:var(--addbg)}pre del{background:var(--delbg)}"
    "pre b{color:var(--mark);font-weight:normal}pre i{color:var(--soft)}\n"
    "mark{color:inherit;border-radius:.15rem}ins mark{background:var(--addword)}"
    "del mark{background:var(--delword)}\n"
    "dialog{border:1px solid var(--line);border-radius:.5rem;background:var(--bg);"
    "color:var(--fg);max-width:min(50rem,95vw);max-height:85vh}\n"
    "dialog::backdrop{background:#0008}dialog li{margin:.3rem 0;font-size:.9rem}\n"
    "@media print{#tools,#keys,button{display:none}}";
/* clang-format on */

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

/* Whether it is the first save of the workspace, which is not on the scale. */
static bool
is_first(const struct fi_report_page *page, size_t i)
{
    return i + 1 == page->count && !page->has_older;
}

/* What the bars and the line show. */
struct chart {
    const struct fi_report_page *page;
    size_t count;
    size_t width;   /* of a bar, with the gap after it */
    uint64_t added; /* the most on the scale */
    uint64_t bytes;
};

static void
show_bar(const struct chart *chart, size_t i)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    char bytes[FI_TERM_TEXT_SIZE_SIZE];
    char added[FI_TERM_TEXT_SIZE_SIZE];
    const firn_workspace_checkpoint *checkpoint = &chart->page->checkpoints[i];
    assert(i < chart->count);
    size_t left = (chart->count - 1 - i) * chart->width;
    size_t width = chart->width > 2 ? chart->width - 1 : 1;
    size_t bar = width < BAR_WIDTH_MAX ? width : BAR_WIDTH_MAX;
    bool is_cut = checkpoint->added_bytes > chart->added;
    unsigned height = is_cut ? CHART_HEIGHT : height_of(checkpoint->added_bytes, chart->added);
    height = height > 0 || checkpoint->added_bytes == 0 ? height : 1;
    fi_report_html_format(
        "<a href=\"#%s\" tabindex=\"-1\"><title>%s%s: %s, %s added</title><rect class=\"hit\" "
        "x=\"%zu\" "
        "y=\"0\" width=\"%zu\" height=\"%d\"/><rect%s x=\"%zu\" y=\"%u\" width=\"%zu\" "
        "height=\"%u\"/></a>\n",
        checkpoint->id, checkpoint->is_safety ? "safety " : "",
        fi_show_checkpoint_name(checkpoint, name), fi_term_text_size(checkpoint->bytes, bytes),
        fi_term_text_size(checkpoint->added_bytes, added), left, width, CHART_HEIGHT,
        is_cut ? " class=\"first\"" : "", left + (width - bar) / 2, CHART_HEIGHT - height, bar,
        height);
}

static void
show_caption(const struct chart *chart)
{
    char bytes[FI_TERM_TEXT_SIZE_SIZE];
    char added[FI_TERM_TEXT_SIZE_SIZE];
    const struct fi_report_page *page = chart->page;
    uint64_t oldest = page->checkpoints[chart->count - 1].added_bytes;
    fi_report_html_raw("<figcaption><small>");
    if (chart->count < page->count) {
        fi_report_html_format("The newest %zu checkpoints. ", chart->count);
    }
    fi_report_html_format("Line: what a checkpoint holds, at most %s. "
                          "Bars: what it added to the store, at most %s",
                          fi_term_text_size(chart->bytes, bytes),
                          fi_term_text_size(chart->added, added));
    if (oldest > chart->added) {
        fi_report_html_format("; the first one added %s, and is not on the scale",
                              fi_term_text_size(oldest, added));
    }
    fi_report_html_raw(".</small></figcaption>");
}

static void
show_chart(const struct fi_report_page *page)
{
    struct chart chart = {.page = page};
    chart.count = page->count < CHART_MAX ? page->count : CHART_MAX;
    if (chart.count < 2) {
        return;
    }
    chart.width = CHART_WIDTH / chart.count;
    for (size_t i = 0; i < chart.count; i++) {
        const firn_workspace_checkpoint *checkpoint = &page->checkpoints[i];
        if (checkpoint->added_bytes > chart.added && !is_first(page, i)) {
            chart.added = checkpoint->added_bytes;
        }
        chart.bytes = checkpoint->bytes > chart.bytes ? checkpoint->bytes : chart.bytes;
    }
    fi_report_html_format("<figure><svg viewBox=\"0 0 %zu %d\" role=\"group\" "
                          "aria-label=\"sizes of the checkpoints\">\n",
                          chart.width * chart.count, CHART_HEIGHT);
    for (size_t i = chart.count; i > 0; i--) {
        show_bar(&chart, i - 1);
    }
    fi_report_html_raw("<polyline points=\"");
    for (size_t i = chart.count; i > 0; i--) {
        fi_report_html_format("%zu,%u ", (chart.count - i) * chart.width + chart.width / 2,
                              CHART_HEIGHT -
                                  height_of(page->checkpoints[i - 1].bytes, chart.bytes));
    }
    fi_report_html_raw("\"/></svg>");
    show_caption(&chart);
    fi_report_html_raw("</figure>\n");
}

/* ---- head and foot ---- */

static void
show_span(const struct fi_report_page *page)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char from[FI_TERM_TEXT_TIME_SIZE];
    char to[FI_TERM_TEXT_TIME_SIZE];
    char zone[FI_TERM_TEXT_TIME_SIZE];
    if (page->count == 0) {
        fi_report_html_raw("<p>no checkpoints</p>\n");
        return;
    }
    fi_report_html_format("<p>%s %s, from %s to %s (UTC%s)%s</p>\n",
                          fi_term_text_number(page->count, number),
                          fi_term_text_plural(page->count, "checkpoint", "checkpoints"),
                          fi_term_text_time(page->checkpoints[page->count - 1].created_ns, from),
                          fi_term_text_time(page->checkpoints[0].created_ns, to),
                          fi_term_text_zone(page->checkpoints[0].created_ns, zone),
                          page->has_older ? "; there are older ones" : "");
}

void
fi_report_page_begin(const struct fi_report_page *page)
{
    fi_report_html_raw("<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    fi_report_html_format(policy, fi_report_script_hash);
    fi_report_html_raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                       "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    fi_report_html_name(firn_str(page->root));
    fi_report_html_raw("</title>\n<style>\n");
    fi_report_html_raw(style);
    fi_report_html_raw("\n</style></head>\n<body><header><h1>");
    fi_report_html_name(firn_str(page->root));
    fi_report_html_raw("</h1>\n");
    show_span(page);
    show_chart(page);
    fi_report_html_raw(
        "<div id=\"tools\" hidden><input id=\"filter\" type=\"search\" "
        "placeholder=\"show only what contains …\" aria-label=\"filter\">"
        "<button id=\"fold\" type=\"button\" aria-pressed=\"false\">open all</button></div>\n"
        "<details id=\"keys\" hidden><summary>keys</summary><p><kbd>j</kbd> next checkpoint "
        "<kbd>k</kbd> previous checkpoint <kbd>o</kbd> open or close it <kbd>c</kbd> copy its "
        "command <kbd>a</kbd> open or close all <kbd>/</kbd> filter <kbd>Esc</kbd> no filter "
        "<kbd>?</kbd> these keys</p></details>\n"
        "</header>\n<main>\n");
}

/* "Of 2 files lines are left out, to keep the page small." */
static void
show_left(const char *before, uint64_t count, const char *one, const char *many, const char *after)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (count > 0) {
        fi_report_html_format("<p>%s%s %s %s left out, to keep the page small.</p>", before,
                              fi_term_text_number(count, number),
                              fi_term_text_plural(count, one, many), after);
    }
}

void
fi_report_page_end(const struct fi_report_page *page, const struct fi_report_page_left *left)
{
    fi_report_html_raw("</main>\n<footer>");
    if (page->has_older) {
        fi_report_html_raw("<p>Older checkpoints are left out: see firn report --limit.</p>");
    }
    show_left("", left->files, "changed file", "changed files", left->files == 1 ? "is" : "are");
    show_left("Of ", left->cut, "file", "files", "lines are");
    show_left("Of ", left->texts, "message or prompt", "messages and prompts", "all but a line is");
    fi_report_html_format("<p>Made by firn %s.</p></footer>\n"
                          "<dialog id=\"panel\"><h2></h2><ol></ol>",
                          firn_version());
    if (page->has_older || left->changes > 0) {
        fi_report_html_raw("<p class=\"cut\">Changes that the page leaves out are not here.</p>");
    }
    fi_report_html_raw("<button type=\"button\">close</button></dialog>\n");
    fi_report_index_write();
    fi_report_html_raw("<script>");
    for (const char *const *line = fi_report_script; *line != NULL; line++) {
        fi_report_html_raw(*line);
    }
    fi_report_html_raw("</script>\n</body></html>\n");
}
