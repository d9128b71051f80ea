/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_curl.c: loads libcurl once for the process. All its versions of the last twenty years have
 * this name, whichever library they use for TLS.
 */
#include "s3/s3_curl.h"

#include <string.h>

#include "base/check.h"
#include "posix/os_library.h"

static const char *const names[] = {
    "curl_global_init",   "curl_version_info", "curl_easy_init",      "curl_easy_setopt",
    "curl_easy_perform",  "curl_easy_getinfo", "curl_easy_reset",     "curl_easy_cleanup",
    "curl_easy_strerror", "curl_slist_append", "curl_slist_free_all",
};
enum { COUNT = sizeof names / sizeof names[0] };

static void *functions[COUNT];
static struct fi_s3_curl loaded; /* written by curl_start only */

static bool
curl_start(void)
{
    /* A pointer to a function has the bytes of one to an object: dlsym(3) relies on it. */
    _Static_assert(offsetof(struct fi_s3_curl, version_num) == sizeof functions,
                   "as many functions as names");
    memcpy(&loaded, functions, sizeof functions);
    const struct fi_s3_curl_version *version = loaded.version_info(0);
    loaded.version_num = version != NULL ? version->version_num : 0;
    return loaded.global_init(FI_S3_CURL_GLOBAL) == FI_S3_CURL_OK;
}

int
fi_s3_curl_load(const struct fi_s3_curl **out, firn_error *err)
{
    static struct fi_os_library library = {.file_name = "libcurl.so.4",
                                           .names = names,
                                           .functions = functions,
                                           .count = COUNT,
                                           .start = curl_start};
    *out = NULL;
    if (!fi_os_library_load(&library)) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "object storage is reached with libcurl, which is not installed here: "
                            "apt install libcurl4");
    }
    if (loaded.version_num < FI_S3_CURL_VERSION_MIN) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "object storage is reached with libcurl 7.75 or newer; here is %u.%u",
                            loaded.version_num >> 16, loaded.version_num >> 8 & 0xff);
    }
    *out = &loaded;
    return FIRN_OK;
}
