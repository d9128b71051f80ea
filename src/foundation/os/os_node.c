/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_node.c: the wrappers for the metadata of an entry: mode, owner, times, extended attributes.
 *
 * As those for names (os.c): no policy, no retry.
 */
#include "os/os.h"

#include <errno.h>

#include "base/check.h"
#include "os/os_path.h"

static struct fi_os_dir *
node_dir(struct fi_os_node node)
{
    DCHECK(node.file != NULL || node.dir != NULL);
    return node.file != NULL ? node.file->dir : node.dir;
}

static const char *
node_name(struct fi_os_node node)
{
    return node.file != NULL ? node.file->name : node.name;
}

static int
check_node(struct fi_os_node node, firn_error *err)
{
    CHECK(node.file != NULL || node.dir != NULL);
    if (node.file != NULL || node.name == NULL) {
        return FIRN_OK;
    }
    int rc = fi_os_path_check_name(node.name, err);
    return rc == FIRN_OK ? fi_os_guard_query(node.dir, node.name, err) : rc;
}

static int
node_result(firn_error *err, int error_number, const char *verb, struct fi_os_node node)
{
    return fi_os_path_result(err, error_number, verb, node_dir(node), node_name(node));
}

int
fi_os_set_mode(struct fi_os_node node, uint32_t mode, firn_error *err)
{
    FI_TRY_RETURN(check_node(node, err));
    const struct fi_os_ops *ops = node_dir(node)->os->ops;
    int error_number = ops->set_mode != NULL ? ops->set_mode(node, mode & 07777) : ops->refusal;
    return node_result(err, error_number, "set the mode of", node);
}

int
fi_os_set_owner(struct fi_os_node node, uint32_t uid, uint32_t gid, firn_error *err)
{
    FI_TRY_RETURN(check_node(node, err));
    const struct fi_os_ops *ops = node_dir(node)->os->ops;
    int error_number = ops->set_owner != NULL ? ops->set_owner(node, uid, gid) : ops->refusal;
    return node_result(err, error_number, "set the owner of", node);
}

int
fi_os_set_mtime(struct fi_os_node node, int64_t mtime_ns, firn_error *err)
{
    FI_TRY_RETURN(check_node(node, err));
    const struct fi_os_ops *ops = node_dir(node)->os->ops;
    int error_number = ops->set_mtime != NULL ? ops->set_mtime(node, mtime_ns) : ops->refusal;
    return node_result(err, error_number, "set the time of", node);
}

int
fi_os_xattr_list(struct fi_os_node node, struct fi_buf *out, firn_error *err)
{
    DCHECK(out != NULL);
    FI_TRY_RETURN(check_node(node, err));
    const struct fi_os_ops *ops = node_dir(node)->os->ops;
    return node_result(err, ops->xattr_list != NULL ? ops->xattr_list(node, out) : 0,
                       "list the extended attributes of", node);
}

static int
check_attribute(struct fi_os_node node, const char *attribute, firn_error *err)
{
    DCHECK(attribute != NULL);
    int rc = check_node(node, err);
    if (rc == FIRN_OK && attribute[0] == '\0') {
        return fi_error_set(err, FIRN_INVALID, "an extended attribute needs a name");
    }
    return rc;
}

/* "could not <verb> attribute '<attribute>' of '<path>': …"; a missing attribute is
 * FIRN_NOT_FOUND. */
static int
attribute_result(firn_error *err, int error_number, const char *verb, struct fi_os_node node,
                 const char *attribute)
{
    DCHECK(error_number >= 0 && attribute != NULL);
    if (error_number == 0) {
        return FIRN_OK;
    }
    if (err == NULL) {
        return error_number == ENODATA ? FIRN_NOT_FOUND : fi_error_code_of_errno(error_number);
    }
    char path[FI_OS_PATH_TEXT_SIZE];
    fi_os_path_text(node_dir(node), node_name(node), path, sizeof path);
    (void)fi_error_set_errno(err, error_number, "could not %s attribute '%s' of '%s'", verb,
                             attribute, path);
    if (error_number == ENODATA) {
        err->code = FIRN_NOT_FOUND;
    }
    return err->code;
}

int
fi_os_xattr_get(struct fi_os_node node, const char *attribute, struct fi_buf *out, firn_error *err)
{
    DCHECK(out != NULL);
    FI_TRY_RETURN(check_attribute(node, attribute, err));
    const struct fi_os_ops *ops = node_dir(node)->os->ops;
    return attribute_result(err,
                            ops->xattr_get != NULL ? ops->xattr_get(node, attribute, out) : ENODATA,
                            "read", node, attribute);
}

int
fi_os_xattr_set(struct fi_os_node node, const char *attribute, firn_slice value, firn_error *err)
{
    DCHECK(value.data != NULL || value.size == 0);
    FI_TRY_RETURN(check_attribute(node, attribute, err));
    const struct fi_os_ops *ops = node_dir(node)->os->ops;
    int error_number =
        ops->xattr_set != NULL ? ops->xattr_set(node, attribute, value) : ops->refusal;
    return attribute_result(err, error_number, "set", node, attribute);
}

int
fi_os_xattr_remove(struct fi_os_node node, const char *attribute, firn_error *err)
{
    FI_TRY_RETURN(check_attribute(node, attribute, err));
    const struct fi_os_ops *ops = node_dir(node)->os->ops;
    int error_number =
        ops->xattr_remove != NULL ? ops->xattr_remove(node, attribute) : ops->refusal;
    return attribute_result(err, error_number, "remove", node, attribute);
}
