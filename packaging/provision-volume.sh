# shellcheck shell=bash
volume_run() {
	die "not yet"
}
