/*
 * core: the root of the program: makes every room in its order, runs the loop, ends it.
 *
 * Called by main, once. See core.c for what a turn is.
 */
#ifndef DOCKD_CORE_H
#define DOCKD_CORE_H

/*
 * Serves until a signal ends it or the ledger cannot be written. profiles_dir: NULL, the default.
 * EXIT_SUCCESS or EXIT_FAILURE; what cannot be set up is fatal.
 */
int core_serve(const char *config_path, const char *profiles_dir);

#endif
