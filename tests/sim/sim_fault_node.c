/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_fault_node.c: calls on the attributes of anything that may be made to fail, before they do
 * anything.
 */
#include "sim/sim_fault_ops.h"

static struct firn_os *
node_os(struct firn_os_node node)
{
    return node.file != NULL ? node.file->os : node.dir->os;
}

static const char *
node_name(struct firn_os_node node)
{
    return node.file != NULL ? node.file->name : node.name;
}

static struct firn_os_node
inner_node(struct firn_os_node node)
{
    return (struct firn_os_node){
        .dir = firn_sim_fault_inner_dir(node.dir),
        .name = node.name,
        .file = firn_sim_fault_inner_file(node.file),
    };
}

int
firn_sim_fault_node_set_mode(struct firn_os_node node, uint32_t mode)
{
    struct firn_os *os = node_os(node);
    int error_number =
        firn_sim_fault_before(os, FIRN_SIM_FAULT_METADATA, "set_mode", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(os)->set_mode(inner_node(node), mode);
}

int
firn_sim_fault_node_set_owner(struct firn_os_node node, uint32_t uid, uint32_t gid)
{
    struct firn_os *os = node_os(node);
    int error_number =
        firn_sim_fault_before(os, FIRN_SIM_FAULT_METADATA, "set_owner", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(os)->set_owner(inner_node(node), uid, gid);
}

int
firn_sim_fault_node_set_mtime(struct firn_os_node node, int64_t mtime_ns)
{
    struct firn_os *os = node_os(node);
    int error_number =
        firn_sim_fault_before(os, FIRN_SIM_FAULT_METADATA, "set_mtime", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(os)->set_mtime(inner_node(node), mtime_ns);
}

int
firn_sim_fault_node_xattr_list(struct firn_os_node node, struct firn_buf *out)
{
    struct firn_os *os = node_os(node);
    int error_number =
        firn_sim_fault_before(os, FIRN_SIM_FAULT_READS, "xattr_list", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(os)->xattr_list(inner_node(node), out);
}

int
firn_sim_fault_node_xattr_get(struct firn_os_node node, const char *attribute, struct firn_buf *out)
{
    struct firn_os *os = node_os(node);
    int error_number =
        firn_sim_fault_before(os, FIRN_SIM_FAULT_READS, "xattr_get", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(os)->xattr_get(inner_node(node), attribute, out);
}

int
firn_sim_fault_node_xattr_set(struct firn_os_node node, const char *attribute, firn_slice value)
{
    struct firn_os *os = node_os(node);
    int error_number =
        firn_sim_fault_before(os, FIRN_SIM_FAULT_METADATA, "xattr_set", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(os)->xattr_set(inner_node(node), attribute, value);
}

int
firn_sim_fault_node_xattr_remove(struct firn_os_node node, const char *attribute)
{
    struct firn_os *os = node_os(node);
    int error_number =
        firn_sim_fault_before(os, FIRN_SIM_FAULT_METADATA, "xattr_remove", node_name(node));
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(os)->xattr_remove(inner_node(node), attribute);
}
