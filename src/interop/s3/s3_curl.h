/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_curl.h: what of libcurl's interface is used. libcurl is loaded when the first bucket is
 * opened, so firn neither needs it nor is built with its headers; names and numbers below are those
 * of its curl/curl.h, which never change them (its symbols-in-versions says since when each is
 * there). tests/unit/s3 compares them with that header where it is installed.
 */
#ifndef FIRN_S3_S3_CURL_H
#define FIRN_S3_S3_CURL_H

#include "base/error.h"

/* CURLOPT_...: the ten thousands are the type of the value: long, pointer, function, int64_t. */
enum {
    FI_S3_CURL_WRITEDATA = 10001,
    FI_S3_CURL_URL = 10002,
    FI_S3_CURL_READDATA = 10009,
    FI_S3_CURL_ERRORBUFFER = 10010,
    FI_S3_CURL_POSTFIELDS = 10015,
    FI_S3_CURL_USERAGENT = 10018,
    FI_S3_CURL_HTTPHEADER = 10023,
    FI_S3_CURL_HEADERDATA = 10029,
    FI_S3_CURL_CUSTOMREQUEST = 10036,
    FI_S3_CURL_XFERINFODATA = 10057,
    FI_S3_CURL_CAINFO = 10065,
    FI_S3_CURL_NOPROXY = 10177,
    FI_S3_CURL_PREREQDATA = 10313, /* 7.80 */
    FI_S3_CURL_WRITEFUNCTION = 20011,
    FI_S3_CURL_READFUNCTION = 20012,
    FI_S3_CURL_HEADERFUNCTION = 20079,
    FI_S3_CURL_XFERINFOFUNCTION = 20219,
    FI_S3_CURL_PREREQFUNCTION = 20312, /* 7.80 */
    FI_S3_CURL_INFILESIZE_LARGE = 30115,
    FI_S3_CURL_POSTFIELDSIZE_LARGE = 30120,
    FI_S3_CURL_MAX_SEND_SPEED_LARGE = 30145,
    FI_S3_CURL_MAX_RECV_SPEED_LARGE = 30146,
    FI_S3_CURL_LOW_SPEED_LIMIT = 19,
    FI_S3_CURL_LOW_SPEED_TIME = 20,
    FI_S3_CURL_NOPROGRESS = 43,
    FI_S3_CURL_NOBODY = 44,
    FI_S3_CURL_UPLOAD = 46,
    FI_S3_CURL_FRESH_CONNECT = 74,
    FI_S3_CURL_HTTP_VERSION = 84,
    FI_S3_CURL_BUFFERSIZE = 98,
    FI_S3_CURL_NOSIGNAL = 99,
    FI_S3_CURL_TIMEOUT_MS = 155,
    FI_S3_CURL_CONNECTTIMEOUT_MS = 156,
    FI_S3_CURL_PROTOCOLS = 181,
    FI_S3_CURL_PATH_AS_IS = 234,
    FI_S3_CURL_SUPPRESS_CONNECT_HEADERS = 265,
    FI_S3_CURL_UPLOAD_BUFFERSIZE = 280,
    FI_S3_CURL_HTTP09_ALLOWED = 285
};

/* Values: CURL_HTTP_VERSION_1_1, CURLPROTO_HTTP | CURLPROTO_HTTPS, CURL_READFUNC_ABORT,
 * CURL_PREREQFUNC_ABORT, CURL_GLOBAL_DEFAULT, CURLINFO_RESPONSE_CODE, CURLINFO_PRETRANSFER_TIME. */
enum {
    FI_S3_CURL_HTTP_1_1 = 2,
    FI_S3_CURL_HTTP_AND_HTTPS = 3,
    FI_S3_CURL_READ_ABORT = 0x10000000,
    FI_S3_CURL_PREREQ_ABORT = 1,
    FI_S3_CURL_PROGRESS_ABORT = 1, /* any but zero and CURL_PROGRESSFUNC_CONTINUE */
    FI_S3_CURL_GLOBAL = 3,
    FI_S3_CURL_RESPONSE_CODE = 0x200002
};

/* CURLE_... */
enum {
    FI_S3_CURL_OK = 0,
    FI_S3_CURL_COULDNT_RESOLVE_PROXY = 5,
    FI_S3_CURL_COULDNT_RESOLVE_HOST = 6,
    FI_S3_CURL_COULDNT_CONNECT = 7,
    FI_S3_CURL_PARTIAL_FILE = 18,
    FI_S3_CURL_WRITE_ERROR = 23,
    FI_S3_CURL_OUT_OF_MEMORY = 27,
    FI_S3_CURL_OPERATION_TIMEDOUT = 28,
    FI_S3_CURL_SSL_CONNECT_ERROR = 35,
    FI_S3_CURL_ABORTED_BY_CALLBACK = 42,
    FI_S3_CURL_GOT_NOTHING = 52,
    FI_S3_CURL_SEND_ERROR = 55,
    FI_S3_CURL_RECV_ERROR = 56,
    FI_S3_CURL_PEER_FAILED_VERIFICATION = 60,
    FI_S3_CURL_CACERT_BADFILE = 77,
    FI_S3_CURL_PROXY_ERROR = 97
};

enum {
    FI_S3_CURL_VERSION_MIN = 0x074b00, /* 7.75 */
    FI_S3_CURL_VERSION_PREREQ = 0x075000,
    FI_S3_CURL_ERROR_SIZE = 256
};

/* The beginning of curl_version_info_data. */
struct fi_s3_curl_version {
    int age;
    const char *version;
    unsigned version_num;
};

struct fi_s3_curl_list; /* curl_slist */

struct fi_s3_curl {
    int (*global_init)(long flags);
    const struct fi_s3_curl_version *(*version_info)(int age);
    void *(*easy_init)(void);
    int (*easy_setopt)(void *easy, int option, ...);
    int (*easy_perform)(void *easy);
    int (*easy_getinfo)(void *easy, int info, ...);
    void (*easy_reset)(void *easy);
    void (*easy_cleanup)(void *easy);
    const char *(*easy_strerror)(int code);
    struct fi_s3_curl_list *(*slist_append)(struct fi_s3_curl_list *list, const char *text);
    void (*slist_free_all)(struct fi_s3_curl_list *list);
    unsigned version_num;
};

/* FIRN_UNSUPPORTED: it is not installed, or too old. Any thread. */
FIRN_MUST_CHECK int fi_s3_curl_load(const struct fi_s3_curl **out, firn_error *err);

#endif
