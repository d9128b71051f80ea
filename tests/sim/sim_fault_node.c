/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_fault_node.c: calls on the attributes of anything that may be made to fail, before they do
 * anything.
 */
#include "sim/sim_fault_ops.h"

static struct fi_os *
node_os(struct fi_os_node node)
{
    return node.file != NULL ? node.file->os : node.dir->os;
}

static const char *
node_name(struct fi_os_node node)
{
    return node.file != NULL ? node.file->name : node.name;
}

static struct fi_os_node
inner_node(struct fi_os_node node)
{
    return (struct fi_os_node){
        .dir = fi_sim_fault_inner_dir(node.dir),
        .name = node.name,
        .file = fi_sim_fault_inner_file(node.file),
    };
}

int
fi_sim_fault_node_set_mode(struct fi_os_node node, uint32_t mode)
{
    struct fi_os *os = node_os(node);
    int error_number = fi_sim_fault_before(os, FI_SIM_FAULT_METADATA, "set_mode", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(os)->set_mode(inner_node(node), mode);
}

int
fi_sim_fault_node_set_owner(struct fi_os_node node, uint32_t uid, uint32_t gid)
{
    struct fi_os *os = node_os(node);
    int error_number = fi_sim_fault_before(os, FI_SIM_FAULT_METADATA, "set_owner", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(os)->set_owner(inner_node(node), uid, gid);
}

int
fi_sim_fault_node_set_mtime(struct fi_os_node node, int64_t mtime_ns)
{
    struct fi_os *os = node_os(node);
    int error_number = fi_sim_fault_before(os, FI_SIM_FAULT_METADATA, "set_mtime", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(os)->set_mtime(inner_node(node), mtime_ns);
}

int
fi_sim_fault_node_xattr_list(struct fi_os_node node, struct fi_buf *out)
{
    struct fi_os *os = node_os(node);
    int error_number = fi_sim_fault_before(os, FI_SIM_FAULT_READS, "xattr_list", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(os)->xattr_list(inner_node(node), out);
}

int
fi_sim_fault_node_xattr_get(struct fi_os_node node, const char *attribute, struct fi_buf *out)
{
    struct fi_os *os = node_os(node);
    int error_number = fi_sim_fault_before(os, FI_SIM_FAULT_READS, "xattr_get", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(os)->xattr_get(inner_node(node), attribute, out);
}

int
fi_sim_fault_node_xattr_set(struct fi_os_node node, const char *attribute, firn_slice value)
{
    struct fi_os *os = node_os(node);
    int error_number = fi_sim_fault_before(os, FI_SIM_FAULT_METADATA, "xattr_set", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(os)->xattr_set(inner_node(node), attribute, value);
}

int
fi_sim_fault_node_xattr_remove(struct fi_os_node node, const char *attribute)
{
    struct fi_os *os = node_os(node);
    int error_number =
        fi_sim_fault_before(os, FI_SIM_FAULT_METADATA, "xattr_remove", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(os)->xattr_remove(inner_node(node), attribute);
}
