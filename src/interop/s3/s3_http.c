/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_http.c: libcurl's easy interface: one handle, whose connections stay open between requests.
 * Redirects are not followed, and only http and https are spoken. HTTP/1.1: a connection of its own
 * for each request in flight, and no sending again below us.
 *
 * The function that libcurl asks before each sending (S3) is there since 7.80; before, and if the
 * connection was idle for some time, such a request gets a new connection: then there is nothing to
 * send again.
 *
 * Nothing of what a server sends is trusted: headers are read into fixed fields, contents are
 * bounded by what the caller expects. SIGPIPE is held back, since libraries for TLS write without
 * MSG_NOSIGNAL.
 */
#include "s3/s3_http.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "posix/os_pipe_signal.h"
#include "s3/s3_time.h"
#include "s3/s3_url.h"

/* Smaller ones if the speed is limited: libcurl may fill a hundred before it counts. */
enum { BUFFER_SIZE = 256 << 10, BUFFER_SIZE_MIN = 1 << 10, BUFFERS_PER_SECOND = 200 };
#define IDLE_MAX_NS INT64_C(2000000000)

/* What the functions that libcurl calls work on. */
struct exchange {
    const struct fi_s3_http_request *request;
    struct fi_s3_http_answer *answer;
    uint64_t sent_bytes;
    uint64_t got_bytes;
    int64_t began_ns;
    const struct fi_s3_http *http;
    int sending_count;
    bool has_all_headers;
    bool is_too_slow;
    bool is_out_of_memory;
    bool has_enough; /* the rest of a refusal was not read */
    firn_error *err;
};

int
fi_s3_http_init(struct fi_s3_http *http, struct fi_os *os, const struct fi_s3_http_options *options,
                firn_error *err)
{
    memset(http, 0, sizeof *http);
    FI_TRY_RETURN(fi_s3_curl_load(&http->curl, err));
    http->os = os;
    http->options = *options;
    http->options.ca_file = NULL;
    if (options->ca_file != NULL) {
        http->options.ca_file = fi_strdup(options->ca_file);
        if (http->options.ca_file == NULL) {
            return fi_error_no_memory(err, "the name of a file");
        }
    }
    http->easy = http->curl->easy_init();
    if (http->easy == NULL) {
        fi_s3_http_deinit(http);
        return fi_error_no_memory(err, "a handle of libcurl");
    }
    return FIRN_OK;
}

void
fi_s3_http_deinit(struct fi_s3_http *http)
{
    if (http->easy != NULL) {
        struct fi_os_pipe_signal hold; /* closing says goodbye */
        fi_os_pipe_signal_hold(&hold);
        http->curl->easy_cleanup(http->easy);
        fi_os_pipe_signal_release(&hold);
    }
    char *ca_file;
    memcpy(&ca_file, &http->options.ca_file, sizeof ca_file); /* it is ours */
    fi_free(ca_file);
    memset(http, 0, sizeof *http);
}

/* ==== what libcurl calls ==== */

static int
begin_sending(void *ctx, char *there, char *here, int port_there, int port_here)
{
    struct exchange *exchange = ctx;
    (void)there;
    (void)here;
    (void)port_there;
    (void)port_here;
    exchange->answer->is_connected = true;
    if (exchange->request->is_once && exchange->sending_count > 0) {
        return FI_S3_CURL_PREREQ_ABORT;
    }
    exchange->sending_count++;
    return 0;
}

static size_t
send_piece(char *out, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    const struct fi_bucket_body *body = exchange->request->body;
    exchange->answer->is_connected = true;
    uint64_t left = body->size_bytes - exchange->sent_bytes;
    size_t room = size * count;
    size_t part = left < room ? (size_t)left : room;
    if (part > 0) {
        int rc = body->read(body->ctx, exchange->sent_bytes, out, part, exchange->err);
        if (rc != FIRN_OK) {
            exchange->answer->body_code = rc;
            return FI_S3_CURL_READ_ABORT;
        }
    }
    exchange->sent_bytes += part;
    return part;
}

static size_t
take_piece(char *data, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    struct fi_s3_http_answer *answer = exchange->answer;
    size_t total = size * count;
    bool is_success = answer->status >= 200 && answer->status < 300;
    struct fi_buf *out = is_success ? exchange->request->out : &answer->error_body;
    if (is_success && total > exchange->request->size_max - exchange->got_bytes) {
        answer->is_too_large = true;
        return 0;
    }
    exchange->got_bytes += total;
    size_t part = total;
    if (!is_success && part > FI_S3_HTTP_ERROR_BODY_MAX - out->size) {
        part = FI_S3_HTTP_ERROR_BODY_MAX - out->size;
    }
    if (out != NULL && fi_buf_append(out, data, part) != FIRN_OK) {
        exchange->is_out_of_memory = true;
        return 0;
    }
    if (part < total) { /* of a refusal that is enough, and a server may go on for ever */
        exchange->has_enough = true;
        return 0;
    }
    return total;
}

static int64_t
pace_of(const struct fi_s3_http_options *options)
{
    const int64_t half = options->bytes_per_second_max / 2;
    const bool is_limited = options->bytes_per_second_max > 0 && half < FI_S3_HTTP_PACE_MIN;
    return !is_limited ? FI_S3_HTTP_PACE_MIN : half > 0 ? half : 1;
}

/* Called about once a second, and more often while something moves. (S4) */
static int
watch_pace(void *ctx, int64_t down_total, int64_t down, int64_t up_total, int64_t up)
{
    struct exchange *exchange = ctx;
    const struct fi_s3_http_options *options = &exchange->http->options;
    const int64_t pace = pace_of(options);
    const int64_t bytes = down + up;
    (void)down_total;
    (void)up_total;
    int64_t may_ms = options->grace_ms + bytes / pace * 1000 + bytes % pace * 1000 / pace;
    int64_t took_ms = (fi_os_monotonic_ns(exchange->http->os) - exchange->began_ns) / 1000000;
    exchange->is_too_slow = took_ms > may_ms;
    return exchange->is_too_slow ? FI_S3_CURL_PROGRESS_ABORT : 0;
}

/* ==== headers of an answer ==== */

static bool
read_number(firn_slice *text, uint64_t *out)
{
    uint64_t number = 0;
    size_t at = 0;
    for (; at < text->size && text->data[at] >= '0' && text->data[at] <= '9'; at++) {
        if (number > (UINT64_MAX - 9) / 10) {
            return false;
        }
        number = number * 10 + (uint64_t)(text->data[at] - '0');
    }
    *text = firn_bytes(text->data + at, text->size - at);
    *out = number;
    return at > 0;
}

static bool
read_byte(firn_slice *text, char byte)
{
    if (text->size == 0 || text->data[0] != (uint8_t)byte) {
        return false;
    }
    *text = firn_bytes(text->data + 1, text->size - 1);
    return true;
}

/* "bytes 0-9/100" */
static void
take_range(struct fi_s3_http_answer *answer, firn_slice value)
{
    firn_slice unit = firn_str("bytes ");
    uint64_t begin;
    uint64_t last;
    uint64_t total;
    if (fi_slice_has_prefix(value, unit)) {
        value = firn_bytes(value.data + unit.size, value.size - unit.size);
        if (read_number(&value, &begin) && read_byte(&value, '-') && read_number(&value, &last) &&
            read_byte(&value, '/') && read_number(&value, &total) && value.size == 0 &&
            begin <= last && last < total) {
            answer->has_range = true;
            answer->range_begin = begin;
            answer->range_end = last + 1;
            answer->range_total = total;
        }
    }
}

static bool
has_word_prefix(firn_slice text, const char *word)
{
    size_t size = strlen(word);
    return text.size >= size && fi_slice_is_word(firn_bytes(text.data, size), word);
}

static void
take_header(struct fi_s3_http_answer *answer, firn_slice name, firn_slice value)
{
    if (has_word_prefix(name, "x-amz-")) {
        answer->is_from_s3 = true;
    }
    if (fi_slice_is_word(name, "date")) {
        if (!fi_s3_time_parse_http(value, &answer->date_s)) {
            answer->date_s = 0;
        }
    } else if (fi_slice_is_word(name, "content-length")) {
        firn_slice rest = value;
        answer->has_size = read_number(&rest, &answer->size_bytes) && rest.size == 0;
    } else if (fi_slice_is_word(name, "content-range")) {
        take_range(answer, value);
    } else if (fi_slice_is_word(name, "content-type")) {
        answer->is_html = has_word_prefix(value, "text/html");
    } else if (fi_slice_is_word(name, "etag")) {
        answer->has_etag = value.size > 0;
    } else if (fi_slice_is_word(name, "x-amz-bucket-region")) {
        if (fi_s3_url_is_region(value)) {
            memcpy(answer->region, value.data, value.size);
            answer->region[value.size] = 0;
        }
    }
}

/* "HTTP/1.1 200 OK": of a later answer, as after "100 Continue", all begins anew. */
static void
begin_answer(struct fi_s3_http_answer *answer, firn_slice line)
{
    const uint8_t *space = memchr(line.data, ' ', line.size);
    answer->date_s = 0;
    answer->has_size = answer->has_range = answer->is_html = false;
    answer->has_etag = answer->is_from_s3 = false;
    answer->region[0] = 0;
    answer->status = 0;
    if (space != NULL) {
        firn_slice rest = firn_bytes(space + 1, line.size - (size_t)(space - line.data) - 1);
        uint64_t status;
        if (read_number(&rest, &status) && status >= 100 && status <= 999) {
            answer->status = (int)status;
        }
    }
}

static size_t
take_line(char *data, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    firn_slice line = firn_bytes(data, size * count);
    const size_t total = line.size;
    while (line.size > 0 && (uint8_t)(line.data[line.size - 1]) <= ' ') {
        line.size--;
    }
    if (fi_slice_has_prefix(line, firn_str("HTTP/"))) {
        begin_answer(exchange->answer, line);
        exchange->has_all_headers = false;
        return total;
    }
    exchange->has_all_headers = line.size == 0;
    const uint8_t *colon = line.size > 0 ? memchr(line.data, ':', line.size) : NULL;
    if (colon != NULL) {
        size_t name_size = (size_t)(colon - line.data);
        firn_slice value = firn_bytes(colon + 1, line.size - name_size - 1);
        while (value.size > 0 && value.data[0] <= ' ') {
            value = firn_bytes(value.data + 1, value.size - 1);
        }
        take_header(exchange->answer, firn_bytes(line.data, name_size), value);
    }
    return total;
}

/* ==== requests ==== */

static struct fi_s3_curl_list *
make_headers(const struct fi_s3_curl *curl, firn_slice lines)
{
    /* What libcurl would add by itself: a question before each PUT. */
    struct fi_s3_curl_list *list = curl->slist_append(NULL, "Expect:");
    for (size_t at = 0; at < lines.size && list != NULL;) {
        const char *line = (const char *)lines.data + at;
        struct fi_s3_curl_list *longer = curl->slist_append(list, line);
        if (longer == NULL) {
            curl->slist_free_all(list);
        }
        list = longer;
        at += strlen(line) + 1;
    }
    return list;
}

static bool
set_long(struct fi_s3_http *http, int option, int64_t value)
{
    return http->curl->easy_setopt(http->easy, option, (long)value) == FI_S3_CURL_OK;
}

static bool
set_size(struct fi_s3_http *http, int option, uint64_t value)
{
    return http->curl->easy_setopt(http->easy, option, (int64_t)value) == FI_S3_CURL_OK;
}

static bool
set_pointer(struct fi_s3_http *http, int option, const void *value)
{
    return http->curl->easy_setopt(http->easy, option, value) == FI_S3_CURL_OK;
}

static int64_t
buffer_size_of(const struct fi_s3_http_options *options)
{
    int64_t size = options->bytes_per_second_max / BUFFERS_PER_SECOND;
    return size == 0 || size > BUFFER_SIZE ? BUFFER_SIZE
           : size < BUFFER_SIZE_MIN        ? BUFFER_SIZE_MIN
                                           : size;
}

static bool
set_connection(struct fi_s3_http *http, const struct fi_s3_http_request *request)
{
    const struct fi_s3_http_options *options = &http->options;
    bool is_recent = http->answered_ns != 0 &&
                     fi_os_boottime_ns(http->os) - http->answered_ns < IDLE_MAX_NS &&
                     http->curl->version_num >= FI_S3_CURL_VERSION_PREREQ;
    /* Sizes of buffers are refused while it has some, as after a host that has no address. */
    (void)set_long(http, FI_S3_CURL_BUFFERSIZE, buffer_size_of(options));
    (void)set_long(http, FI_S3_CURL_UPLOAD_BUFFERSIZE, BUFFER_SIZE);
    return set_long(http, FI_S3_CURL_NOSIGNAL, 1) &&
           set_long(http, FI_S3_CURL_PROTOCOLS, FI_S3_CURL_HTTP_AND_HTTPS) &&
           set_long(http, FI_S3_CURL_HTTP_VERSION, FI_S3_CURL_HTTP_1_1) &&
           set_long(http, FI_S3_CURL_HTTP09_ALLOWED, 0) &&
           set_long(http, FI_S3_CURL_PATH_AS_IS, 1) &&
           set_long(http, FI_S3_CURL_SUPPRESS_CONNECT_HEADERS, 1) &&
           set_long(http, FI_S3_CURL_CONNECTTIMEOUT_MS, options->connect_ms) &&
           set_long(http, FI_S3_CURL_TIMEOUT_MS, request->timeout_ms) &&
           set_long(http, FI_S3_CURL_LOW_SPEED_LIMIT, 1) &&
           set_long(http, FI_S3_CURL_LOW_SPEED_TIME, options->stall_s) &&
           set_size(http, FI_S3_CURL_MAX_SEND_SPEED_LARGE,
                    (uint64_t)options->bytes_per_second_max) &&
           set_size(http, FI_S3_CURL_MAX_RECV_SPEED_LARGE,
                    (uint64_t)options->bytes_per_second_max) &&
           set_long(http, FI_S3_CURL_FRESH_CONNECT, request->is_once && !is_recent) &&
           set_pointer(http, FI_S3_CURL_USERAGENT, "firn/" FIRN_VERSION) &&
           (options->ca_file == NULL || set_pointer(http, FI_S3_CURL_CAINFO, options->ca_file)) &&
           (!request->is_direct || set_pointer(http, FI_S3_CURL_NOPROXY, "*"));
}

static bool
set_functions(struct fi_s3_http *http, struct exchange *exchange)
{
    void *easy = http->easy;
    int (*set)(void *, int, ...) = http->curl->easy_setopt;
    return set(easy, FI_S3_CURL_ERRORBUFFER, exchange->answer->curl_text) == FI_S3_CURL_OK &&
           set(easy, FI_S3_CURL_WRITEFUNCTION, take_piece) == FI_S3_CURL_OK &&
           set(easy, FI_S3_CURL_WRITEDATA, (void *)exchange) == FI_S3_CURL_OK &&
           set(easy, FI_S3_CURL_HEADERFUNCTION, take_line) == FI_S3_CURL_OK &&
           set(easy, FI_S3_CURL_HEADERDATA, (void *)exchange) == FI_S3_CURL_OK &&
           (http->curl->version_num < FI_S3_CURL_VERSION_PREREQ ||
            (set(easy, FI_S3_CURL_PREREQFUNCTION, begin_sending) == FI_S3_CURL_OK &&
             set(easy, FI_S3_CURL_PREREQDATA, (void *)exchange) == FI_S3_CURL_OK)) &&
           set(easy, FI_S3_CURL_NOPROGRESS, 0L) == FI_S3_CURL_OK &&
           set(easy, FI_S3_CURL_XFERINFOFUNCTION, watch_pace) == FI_S3_CURL_OK &&
           set(easy, FI_S3_CURL_XFERINFODATA, (void *)exchange) == FI_S3_CURL_OK &&
           (exchange->request->body == NULL ||
            (set(easy, FI_S3_CURL_READFUNCTION, send_piece) == FI_S3_CURL_OK &&
             set(easy, FI_S3_CURL_READDATA, (void *)exchange) == FI_S3_CURL_OK));
}

static bool
set_request(struct fi_s3_http *http, const struct fi_s3_http_request *request,
            const struct fi_s3_curl_list *headers)
{
    bool is_set = set_pointer(http, FI_S3_CURL_URL, request->url) &&
                  set_pointer(http, FI_S3_CURL_HTTPHEADER, headers);
    if (request->body != NULL) {
        return is_set && set_long(http, FI_S3_CURL_UPLOAD, 1) &&
               set_size(http, FI_S3_CURL_INFILESIZE_LARGE, request->body->size_bytes);
    }
    if (strcmp(request->method, "HEAD") == 0) {
        return is_set && set_long(http, FI_S3_CURL_NOBODY, 1);
    }
    if (strcmp(request->method, "POST") == 0) {
        return is_set && set_size(http, FI_S3_CURL_POSTFIELDSIZE_LARGE, request->form.size) &&
               set_pointer(http, FI_S3_CURL_POSTFIELDS, request->form.data);
    }
    return is_set && set_pointer(http, FI_S3_CURL_CUSTOMREQUEST, request->method);
}

/* Whether this status says no, whatever the document says that comes with it. Not 404: a missing
 * bucket and a missing object differ only in the document. */
static bool
is_refusal(int status)
{
    return status == 401 || status == 403 || status == 412 || status == 416 || status == 429 ||
           (status >= 500 && status <= 599);
}

int
fi_s3_http_perform(struct fi_s3_http *http, const struct fi_s3_http_request *request,
                   struct fi_s3_http_answer *answer, firn_error *err)
{
    struct exchange exchange = {.request = request,
                                .answer = answer,
                                .http = http,
                                .began_ns = fi_os_monotonic_ns(http->os),
                                .err = err};
    memset(answer, 0, sizeof *answer);
    http->curl->easy_reset(http->easy); /* connections stay */
    struct fi_s3_curl_list *headers = make_headers(http->curl, request->headers);
    if (headers == NULL || !set_connection(http, request) || !set_functions(http, &exchange) ||
        !set_request(http, request, headers)) {
        http->curl->slist_free_all(headers);
        return fi_error_no_memory(err, "a request");
    }
    struct fi_os_pipe_signal hold;
    fi_os_pipe_signal_hold(&hold);
    answer->curl_code = http->curl->easy_perform(http->easy);
    fi_os_pipe_signal_release(&hold);
    DCHECK(!request->is_once || exchange.sending_count <= 1); /* (S3) */
    http->curl->slist_free_all(headers);
    http->curl->easy_reset(http->easy); /* of all that was on this stack */
    http->answered_ns = answer->curl_code == FI_S3_CURL_OK ? fi_os_boottime_ns(http->os) : 0;
    if (exchange.has_enough || (exchange.has_all_headers && is_refusal(answer->status))) {
        answer->curl_code = FI_S3_CURL_OK; /* it has said no; the connection may break then */
    } else if (exchange.is_too_slow) {
        answer->curl_code = FI_S3_CURL_OPERATION_TIMEDOUT;
        (void)snprintf(answer->curl_text, sizeof answer->curl_text,
                       "less than %" PRId64 " bytes came or went each second",
                       pace_of(&http->options));
    }
    if (strchr(answer->curl_text, '@') != NULL) { /* it may name a proxy with its password */
        answer->curl_text[0] = 0;
    }
    if (answer->curl_code != FI_S3_CURL_OK) {
        answer->status = answer->is_too_large ? answer->status : 0;
        /* Without the function that is asked, nobody can be sure of what was sent. */
        answer->is_connected =
            answer->is_connected || (http->curl->version_num < FI_S3_CURL_VERSION_PREREQ &&
                                     answer->curl_code != FI_S3_CURL_COULDNT_RESOLVE_HOST &&
                                     answer->curl_code != FI_S3_CURL_COULDNT_RESOLVE_PROXY &&
                                     answer->curl_code != FI_S3_CURL_COULDNT_CONNECT);
    }
    if (answer->body_code != FIRN_OK) {
        return answer->body_code;
    }
    if (exchange.is_out_of_memory || answer->curl_code == FI_S3_CURL_OUT_OF_MEMORY) {
        return fi_error_no_memory(err, "an answer of the storage");
    }
    return FIRN_OK;
}
