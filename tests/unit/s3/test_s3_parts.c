/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/s3: what needs no server: signatures against published ones, URLs, documents, files of settings, times, and
 * the names of libcurl's interface against its own header, where that is installed.
 */
#include "s3/s3_answer.h"
#include "s3/s3_credentials.h"
#include "s3/s3_ini.h"
#include "s3/s3_sign.h"
#include "s3/s3_time.h"
#include "s3/s3_url.h"
#include "s3/s3_xml.h"
#include "support/test.h"
#include "support/test_ok.h"

#if defined(__has_include)
#if __has_include(<curl/curl.h>)
#include <curl/curl.h>
#define SAME(ours, theirs) _Static_assert((long)(ours) == (long)(theirs), #theirs)
SAME(FI_S3_CURL_WRITEDATA, CURLOPT_WRITEDATA);
SAME(FI_S3_CURL_URL, CURLOPT_URL);
SAME(FI_S3_CURL_READDATA, CURLOPT_READDATA);
SAME(FI_S3_CURL_ERRORBUFFER, CURLOPT_ERRORBUFFER);
SAME(FI_S3_CURL_POSTFIELDS, CURLOPT_POSTFIELDS);
SAME(FI_S3_CURL_USERAGENT, CURLOPT_USERAGENT);
SAME(FI_S3_CURL_HTTPHEADER, CURLOPT_HTTPHEADER);
SAME(FI_S3_CURL_HEADERDATA, CURLOPT_HEADERDATA);
SAME(FI_S3_CURL_CUSTOMREQUEST, CURLOPT_CUSTOMREQUEST);
SAME(FI_S3_CURL_XFERINFODATA, CURLOPT_XFERINFODATA);
SAME(FI_S3_CURL_XFERINFOFUNCTION, CURLOPT_XFERINFOFUNCTION);
SAME(FI_S3_CURL_NOPROGRESS, CURLOPT_NOPROGRESS);
SAME(FI_S3_CURL_CAINFO, CURLOPT_CAINFO);
SAME(FI_S3_CURL_NOPROXY, CURLOPT_NOPROXY);
SAME(FI_S3_CURL_WRITEFUNCTION, CURLOPT_WRITEFUNCTION);
SAME(FI_S3_CURL_READFUNCTION, CURLOPT_READFUNCTION);
SAME(FI_S3_CURL_HEADERFUNCTION, CURLOPT_HEADERFUNCTION);
SAME(FI_S3_CURL_INFILESIZE_LARGE, CURLOPT_INFILESIZE_LARGE);
SAME(FI_S3_CURL_POSTFIELDSIZE_LARGE, CURLOPT_POSTFIELDSIZE_LARGE);
SAME(FI_S3_CURL_MAX_SEND_SPEED_LARGE, CURLOPT_MAX_SEND_SPEED_LARGE);
SAME(FI_S3_CURL_MAX_RECV_SPEED_LARGE, CURLOPT_MAX_RECV_SPEED_LARGE);
SAME(FI_S3_CURL_LOW_SPEED_LIMIT, CURLOPT_LOW_SPEED_LIMIT);
SAME(FI_S3_CURL_LOW_SPEED_TIME, CURLOPT_LOW_SPEED_TIME);
SAME(FI_S3_CURL_NOBODY, CURLOPT_NOBODY);
SAME(FI_S3_CURL_UPLOAD, CURLOPT_UPLOAD);
SAME(FI_S3_CURL_FRESH_CONNECT, CURLOPT_FRESH_CONNECT);
SAME(FI_S3_CURL_HTTP_VERSION, CURLOPT_HTTP_VERSION);
SAME(FI_S3_CURL_BUFFERSIZE, CURLOPT_BUFFERSIZE);
SAME(FI_S3_CURL_NOSIGNAL, CURLOPT_NOSIGNAL);
SAME(FI_S3_CURL_TIMEOUT_MS, CURLOPT_TIMEOUT_MS);
SAME(FI_S3_CURL_CONNECTTIMEOUT_MS, CURLOPT_CONNECTTIMEOUT_MS);
SAME(FI_S3_CURL_PROTOCOLS, 181); /* a warning names its successor */
SAME(FI_S3_CURL_PATH_AS_IS, CURLOPT_PATH_AS_IS);
SAME(FI_S3_CURL_SUPPRESS_CONNECT_HEADERS, CURLOPT_SUPPRESS_CONNECT_HEADERS);
SAME(FI_S3_CURL_UPLOAD_BUFFERSIZE, CURLOPT_UPLOAD_BUFFERSIZE);
SAME(FI_S3_CURL_HTTP09_ALLOWED, CURLOPT_HTTP09_ALLOWED);
#if LIBCURL_VERSION_NUM >= 0x075000
SAME(FI_S3_CURL_PREREQDATA, CURLOPT_PREREQDATA);
SAME(FI_S3_CURL_PREREQFUNCTION, CURLOPT_PREREQFUNCTION);
SAME(FI_S3_CURL_PREREQ_ABORT, CURL_PREREQFUNC_ABORT);
#endif
SAME(FI_S3_CURL_HTTP_1_1, CURL_HTTP_VERSION_1_1);
SAME(FI_S3_CURL_HTTP_AND_HTTPS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
SAME(FI_S3_CURL_READ_ABORT, CURL_READFUNC_ABORT);
SAME(FI_S3_CURL_GLOBAL, CURL_GLOBAL_DEFAULT);
SAME(FI_S3_CURL_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_PROXY);
SAME(FI_S3_CURL_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_HOST);
SAME(FI_S3_CURL_COULDNT_CONNECT, CURLE_COULDNT_CONNECT);
SAME(FI_S3_CURL_PARTIAL_FILE, CURLE_PARTIAL_FILE);
SAME(FI_S3_CURL_WRITE_ERROR, CURLE_WRITE_ERROR);
SAME(FI_S3_CURL_OUT_OF_MEMORY, CURLE_OUT_OF_MEMORY);
SAME(FI_S3_CURL_OPERATION_TIMEDOUT, CURLE_OPERATION_TIMEDOUT);
SAME(FI_S3_CURL_SSL_CONNECT_ERROR, CURLE_SSL_CONNECT_ERROR);
SAME(FI_S3_CURL_ABORTED_BY_CALLBACK, CURLE_ABORTED_BY_CALLBACK);
SAME(FI_S3_CURL_GOT_NOTHING, CURLE_GOT_NOTHING);
SAME(FI_S3_CURL_SEND_ERROR, CURLE_SEND_ERROR);
SAME(FI_S3_CURL_RECV_ERROR, CURLE_RECV_ERROR);
SAME(FI_S3_CURL_PEER_FAILED_VERIFICATION, CURLE_PEER_FAILED_VERIFICATION);
SAME(FI_S3_CURL_CACERT_BADFILE, CURLE_SSL_CACERT_BADFILE);
SAME(FI_S3_CURL_PROXY_ERROR, CURLE_PROXY);
SAME(FI_S3_CURL_ERROR_SIZE, CURL_ERROR_SIZE);
_Static_assert(offsetof(struct fi_s3_curl_version, version_num) ==
                   offsetof(curl_version_info_data, version_num),
               "curl_version_info_data");
#endif
#endif

/* ==== signatures ==== */

/* The examples of Amazon S3's API reference, "Signature Calculations for the Authorization Header:
 * Transferring Payload in a Single Chunk": a part of an object, and a list. */
static void
signatures_are_the_published_ones(void **state)
{
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static const struct {
        struct fi_s3_sign_request request;
        const char *names;
        const char *signature;
    } examples[] = {
        {{"GET", "examplebucket.s3.amazonaws.com", "/test.txt", "", NULL, "bytes=0-9", empty},
         "host;range;x-amz-content-sha256;x-amz-date",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {{"GET", "examplebucket.s3.amazonaws.com", "/", "max-keys=2&prefix=J", NULL, NULL, empty},
         "host;x-amz-content-sha256;x-amz-date",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        struct fi_buf headers = {0};
        char wanted[512];
        assert_int_equal(fi_s3_sign(&examples[i].request, "AKIAIOSFODNN7EXAMPLE",
                                    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL, "us-east-1",
                                    1369353600, &headers),
                         FIRN_OK);
        (void)snprintf(wanted, sizeof wanted,
                       "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/"
                       "us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s",
                       examples[i].names, examples[i].signature);
        const char *last = NULL;
        for (const char *at = (const char *)headers.data;
             at < (const char *)headers.data + headers.size; at += strlen(at) + 1) {
            last = at;
        }
        assert_string_equal((const char *)headers.data, "host: examplebucket.s3.amazonaws.com");
        assert_string_equal(last, wanted);
        fi_buf_deinit(&headers);
    }
}

/* ==== URLs ==== */

static void
urls_lead_to_hosts_and_paths(void **state)
{
    static const struct {
        const char *url;
        const char *endpoint;
        const char *region;
        enum fi_s3_style style;
        const char *host; /* NULL: refused */
        const char *path;
    } cases[] = {
        {"s3://bucket", NULL, NULL, 0, "bucket.s3.us-east-1.amazonaws.com", "/n"},
        {"s3://bucket/", NULL, "eu-west-1", 0, "bucket.s3.eu-west-1.amazonaws.com", "/n"},
        {"s3://bucket/a/b/", NULL, "cn-north-1", 0, "bucket.s3.cn-north-1.amazonaws.com.cn",
         "/a/b/n"},
        {"s3://my.bucket/a", NULL, NULL, 0, "s3.us-east-1.amazonaws.com", "/my.bucket/a/n"},
        {"s3://bucket/a", NULL, NULL, FI_S3_STYLE_PATH, "s3.us-east-1.amazonaws.com",
         "/bucket/a/n"},
        {"s3://bucket/a", "https://minio.example:9000", NULL, 0, "minio.example:9000",
         "/bucket/a/n"},
        {"s3://bucket/a", "https://x.example/storage/v1/s3/", NULL, 0, "x.example",
         "/storage/v1/s3/bucket/a/n"},
        {"s3://bucket/a", "http://X.Example:80", NULL, FI_S3_STYLE_HOST, "bucket.x.example",
         "/a/n"},
        {"https://x.example:443/bucket/a", "https://not.example", NULL, 0, "x.example",
         "/bucket/a/n"},
        {"http://[::1]:9000/bucket", NULL, NULL, 0, "[::1]:9000", "/bucket/n"},
        {"https://s3.eu-west-1.amazonaws.com/bucket/a", NULL, "us-east-1", 0,
         "bucket.s3.eu-west-1.amazonaws.com", "/a/n"},
        {"https://s3-eu-west-1.amazonaws.com/bucket", NULL, NULL, 0,
         "bucket.s3-eu-west-1.amazonaws.com", "/n"},
        {"https://bucket.s3.eu-west-1.amazonaws.com/a", NULL, NULL, 0, NULL, NULL},
        {"s3://", NULL, NULL, 0, NULL, NULL},
        {"s3://ab", NULL, NULL, 0, NULL, NULL},
        {"s3://..", NULL, NULL, 0, NULL, NULL},
        {"s3://bucket/../other", NULL, NULL, 0, NULL, NULL},
        {"s3://bucket/a//b", NULL, NULL, 0, NULL, NULL},
        {"s3://bucket/a b", NULL, NULL, 0, NULL, NULL},
        {"s3://bucket/a?x=y", NULL, NULL, 0, NULL, NULL},
        {"s3://bucket", "ftp://x.example", NULL, 0, NULL, NULL},
        {"s3://bucket", NULL, "Us East", 0, NULL, NULL},
        {"https://user:password@x.example/bucket", NULL, NULL, 0, NULL, NULL},
        {"https://x.example", NULL, NULL, 0, NULL, NULL},
        {"https://x.example/bucket?password=1", NULL, NULL, 0, NULL, NULL},
        {"x.example/bucket", NULL, NULL, 0, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fi_s3_url url;
        firn_error err;
        int rc = fi_s3_url_parse(cases[i].url, cases[i].endpoint, cases[i].region, cases[i].style,
                                 &url, &err);
        if (cases[i].host == NULL) {
            assert_int_equal(rc, FIRN_INVALID);
            assert_null(strstr(err.text, "password@"));
            assert_null(strstr(err.text, "password=1"));
            continue;
        }
        char host[FI_S3_URL_REQUEST_HOST_SIZE];
        struct fi_buf path = {0};
        assert_int_equal(rc, FIRN_OK);
        fi_s3_url_host(&url, host);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(fi_s3_url_path(&url, "n", &path), FIRN_OK);
        assert_string_equal(fi_buf_text(&path), cases[i].path);
        fi_buf_deinit(&path);
    }
}

/* ==== documents ==== */

static int
join(void *ctx, const struct fi_bucket_object *object)
{
    char *text = ctx;
    (void)snprintf(text + strlen(text), 200, "%s:%d:%d ", object->name, (int)object->size_bytes,
                   (int)object->age_s);
    return FIRN_OK;
}

#define ITEM(key, size) "<Contents><Key>" key "</Key><Size>" size "</Size></Contents>"
#define LIST(more, contents) \
    "<ListBucketResult><IsTruncated>" more "</IsTruncated>" contents "</ListBucketResult>"

static void
lists_are_read(void **state)
{
    static const struct {
        const char *xml;
        const char *text; /* NULL: no list */
        bool has_more;
    } cases[] = {
        {LIST("false", ""), "", false},
        {LIST("true", ITEM("p/a", "1") ITEM("p/b", "22")), "a:1:0 b:22:0 ", true},
        {"\xef\xbb\xbf<?xml version='1.0'?><!-- x > --> " LIST("false", ITEM("p/a", "1")) "\n",
         "a:1:0 ", false},
        {LIST("false", "<Contents><Size>3</Size><LastModified>2023-11-14T22:13:10.5Z</LastModified>"
                       "<Key>p/&lt;&#65;&#x20AC;</Key><New>x</New></Contents>"),
         "<A\xe2\x82\xac:3:10 ", false},
        {LIST("false", ITEM("p/a%20b+c%2F", "1") "<EncodingType>url</EncodingType>"), "a b c/:1:0 ",
         false},
        {LIST("false", ITEM("p/a%20b+c", "1")), "a%20b+c:1:0 ", false},
        {LIST("false", ITEM("p/", "0") ITEM("p/a", "1")), "a:1:0 ", false},
        {LIST("false", "<CommonPrefixes><Prefix>x</Prefix></CommonPrefixes><Contents/>"), NULL,
         false},
        {LIST("false", ITEM("p/a%2", "1") "<EncodingType>url</EncodingType>"), NULL, false},
        {LIST("false", ITEM("p/a%00", "1") "<EncodingType>url</EncodingType>"), NULL, false},
        {LIST("false", ITEM("q/a", "1")), NULL, false},
        {LIST("false", ITEM("p/a", "-1")), NULL, false},
        {LIST("false", ITEM("p/a", "18446744073709551616")), NULL, false},
        {LIST("false", ITEM("p/a", "")), NULL, false},
        {LIST("false", ITEM("", "1")), NULL, false},
        {LIST("false", "<Contents><Key>p/a</Key></Contents>"), NULL, false},
        {LIST("false", "<Contents><Key>p/a</Key><Key>p/b</Key><Size>1</Size></Contents>"), NULL,
         false},
        {LIST("maybe", ""), NULL, false},
        {LIST("false", "<IsTruncated>true</IsTruncated>"), NULL, false},
        {"<ListBucketResult>" ITEM("p/a", "1") "</ListBucketResult>", NULL, false},
        {"<Other><IsTruncated>false</IsTruncated></Other>", NULL, false},
        {"<!DOCTYPE a [<!ENTITY b \"c\">]>" LIST("false", ""), NULL, false},
        {LIST("false", ITEM("p/&b;", "1")), NULL, false},
        {LIST("false", ITEM("p/&#0;", "1")), NULL, false},
        {LIST("false", ITEM("p/&#xD800;", "1")), NULL, false},
        {LIST("false", ITEM("p/\x01", "1")), NULL, false},
        {LIST("false", "") LIST("false", ""), NULL, false},
        {LIST("false", "") "x", NULL, false},
        {"<ListBucketResult><IsTruncated>false</IsTruncated>", NULL, false},
        {"<ListBucketResult><IsTruncated>false</ListBucketResult></IsTruncated>", NULL, false},
        {"<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", NULL, false},
        {"<!DOCTYPE html><html></html>", NULL, false},
        {"", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[2000] = "";
        bool has_more;
        firn_error err;
        int rc = fi_s3_answer_parse_list(firn_str(cases[i].xml), "p/", 1700000000, join, text,
                                         &has_more, &err);
        if (cases[i].text == NULL) {
            assert_int_equal(rc, FIRN_CORRUPT);
        } else {
            assert_int_equal(rc, FIRN_OK);
            assert_string_equal(text, cases[i].text);
            assert_int_equal(has_more, cases[i].has_more);
        }
        /* No beginning of a list is a list. */
        size_t size = strlen(cases[i].xml);
        size_t whole = size > 0 && cases[i].xml[size - 1] == '\n' ? size - 1 : size;
        for (size_t cut = 0; cases[i].text != NULL && cut < whole; cut++) {
            assert_int_equal(fi_s3_answer_parse_list(firn_bytes(cases[i].xml, cut), "p/", 0, join,
                                                     text, &has_more, &err),
                             FIRN_CORRUPT);
        }
    }
}

static void
errors_are_read(void **state)
{
    struct fi_s3_answer_error error;
    fi_s3_answer_parse_error(
        firn_str("<Error><Code>No<b/>Key</Code><Message>a\tb&#27;[2J\xc3\xa9</Message>"
                 "<Region>eu-west-1</Region></Error>"),
        &error);
    assert_string_equal(error.code, "");
    assert_string_equal(error.message, "ab[2J");
    assert_string_equal(error.region, "eu-west-1");
    fi_s3_answer_parse_error(firn_str("<E><Error><Code>A&#10;cb</Code></Error></E>"), &error);
    assert_string_equal(error.code, "Acb");
    fi_s3_answer_parse_error(firn_str("<html>"), &error);
    assert_string_equal(error.code, "");
}

/* ==== settings ==== */

static void
profiles_are_found(void **state)
{
    static const char text[] =
        "a = none\n[default]\r\nkey = 1 \r\n# key = 2\n; key = 3\n"
        "nested =\n  key = 4\n[profile  work ] # x\nKEY=5\n[work]\nkey=6\n"
        "[profile \"a b\"]\nkey\t= a=b # c\n[default]\nkey = 7\n[open\nkey = 8";
    static const struct {
        const char *profile;
        bool is_config;
        const char *value; /* NULL: none */
    } cases[] = {
        {"default", false, "8"}, {"default", true, "8"},        {"work", true, "5"},
        {"work", false, "6"},    {"profile  work", false, "5"}, {"a b", true, "a=b # c"},
        {"other", true, NULL},   {"profile  work", true, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        firn_slice value;
        bool is_found =
            fi_s3_ini_parse(firn_str(text), cases[i].is_config, cases[i].profile, "key", &value);
        assert_int_equal(is_found, cases[i].value != NULL);
        if (is_found) {
            assert_int_equal(value.size, strlen(cases[i].value));
            assert_memory_equal(value.data, cases[i].value, value.size);
        }
        assert_int_equal(
            fi_s3_ini_parse(firn_str(text), cases[i].is_config, cases[i].profile, NULL, &value),
            cases[i].value != NULL);
    }
}

static void
commands_are_words(void **state)
{
    static const struct {
        const char *text;
        const char *words; /* with '|' after each; NULL: refused */
    } cases[] = {
        {"a b  c", "a|b|c|"},
        {" \"a b\" 'c \"d' e\\ f ", "a b|c \"d|e f|"},
        {"a\"b\\\"c\\d\"e 'f\\g'", "ab\"c\\de|f\\g|"},
        {"a '' \"\"", "a|||"},
        {"$(x) `y` ; z", "$(x)|`y`|;|z|"},
        {"", NULL},
        {"a 'b", NULL},
        {"1 2 3 4 5 6 7 8 9", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *words[8];
        char memory[100];
        char joined[200] = "";
        size_t count = fi_s3_ini_parse_words(firn_str(cases[i].text), memory, words, 8);
        assert_int_equal(count == 0, cases[i].words == NULL);
        for (size_t w = 0; w < count; w++) {
            (void)strcat(strcat(joined, words[w]), "|");
        }
        assert_string_equal(joined, cases[i].words != NULL ? cases[i].words : "");
    }
}

static void
credentials_are_read_from_json(void **state)
{
    struct fi_s3_credentials found = {NULL, NULL, NULL, 0};
    firn_error err;
    OK(fi_s3_credentials_parse(firn_str("{\n  \"Version\": 1,\n  \"AccessKeyId\": \"A\\u004b\",\n  "
                                        "\"SecretAccessKey\": \"s/+\",\n"
                                        "  \"Token\": \"t\", \"Expiration\": "
                                        "\"2026-11-28T10:11:24Z\", \"X\": {\"Y\": [1]}\n}\n"),
                               &found, &err));
    assert_string_equal(found.access_key, "AK");
    assert_string_equal(found.secret_key, "s/+");
    assert_string_equal(found.token, "t");
    assert_int_equal(found.expires_s, 1795860684);
    fi_s3_credentials_deinit(&found);
    static const struct {
        const char *json;
        int code;
    } bad[] = {
        {"", FIRN_CORRUPT},
        {"sesame", FIRN_CORRUPT},
        {"[\"sesame\"]", FIRN_CORRUPT},
        {"{\"AccessKeyId\": \"sesame\"}", FIRN_CORRUPT},
        {"{\"AccessKeyId\": \"sesame\", \"SecretAccessKey\": \"s\\ne\"}", FIRN_INVALID},
        {"{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\", \"Expiration\": \"soon\"}",
         FIRN_CORRUPT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(fi_s3_credentials_parse(firn_str(bad[i].json), &found, &err), bad[i].code);
        assert_null(strstr(err.text, "sesame"));
        fi_s3_credentials_deinit(&found);
    }
}

static void
times_are_read(void **state)
{
    int64_t seconds = 0;
    char compact[FI_S3_TIME_COMPACT_SIZE];
    assert_true(fi_s3_time_parse_http(firn_str("Sat, 28 Nov 2026 09:11:24 GMT"), &seconds));
    assert_int_equal(seconds, 1795857084);
    fi_s3_time_write_compact(seconds, compact);
    assert_string_equal(compact, "20261128T091124Z");
    assert_true(fi_s3_time_parse_iso(firn_str("2026-11-28T09:11:24Z"), &seconds));
    assert_int_equal(seconds, 1795857084);
    assert_true(fi_s3_time_parse_iso(firn_str("2026-11-28T09:11:24.999+00:00"), &seconds));
    assert_int_equal(seconds, 1795857084);
    assert_false(fi_s3_time_parse_http(firn_str("Sat, 28 Nix 2026 09:11:24 GMT"), &seconds));
    assert_false(fi_s3_time_parse_http(firn_str("Sat, 31 Nov 2026 09:11:24 GMT"), &seconds));
    assert_false(fi_s3_time_parse_http(firn_str("Sat, 28 Nov 2026 09:11:24 CET"), &seconds));
    assert_false(fi_s3_time_parse_iso(firn_str("2026-11-28T09:11:24"), &seconds));
    assert_false(fi_s3_time_parse_iso(firn_str("2026-11-28T24:11:24Z"), &seconds));
    assert_false(fi_s3_time_parse_iso(firn_str("2026-13-28T09:11:24Z"), &seconds));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_the_published_ones),
        cmocka_unit_test(urls_lead_to_hosts_and_paths),
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(errors_are_read),
        cmocka_unit_test(profiles_are_found),
        cmocka_unit_test(commands_are_words),
        cmocka_unit_test(credentials_are_read_from_json),
        cmocka_unit_test(times_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
