/*
 * tus_address: the URLs that a tus destination may be asked at, all of them pinned to its origin.
 *
 * Pure. Called by the tus driver, the unit tests and the fuzzer. What a server or a record says of
 * an address is hostile: nothing may lead to another host than the configured one.
 */
#ifndef DOCKD_TUS_ADDRESS_H
#define DOCKD_TUS_ADDRESS_H

#include "../dockd/base/proto.h"

/*
 * Resolves what a Location header (or an address on record) says against the creation URL, and
 * pins it: scheme, host and port are always the configured ones. A location that names another
 * host or another port is refused, so that nothing is ever sent there; http for https on the same
 * host is forced back (servers behind a TLS proxy). 0, -EXDEV (another host), -EINVAL or
 * -ENAMETOOLONG.
 */
int tus_location(const char *creation_url, const char *location, char *out, size_t size);

/*
 * Where an upload's signed receipt is: path is put behind the path of its address, in front of a
 * query. 0 or -ENAMETOOLONG.
 */
int tus_receipt_url(const char *address, const char *path, char *out, size_t size);

/*
 * Where to ask for an asset before sending it: find_path with {asset} filled in, below the creation
 * URL whether that ends in '/' or not (from the host's root where it begins with '/'). 0; -EINVAL:
 * no {asset} in it, or asset is no id; -EXDEV, -ENAMETOOLONG.
 */
int tus_find_url(
    const char *creation_url, const char *find_path, const char *asset, char *out, size_t size);

#endif
