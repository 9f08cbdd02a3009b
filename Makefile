# SPDX-License-Identifier: BSD-3-Clause
# Names for the commands that contributors run; the build itself is meson's.

.PHONY: check quick test format

# what the machine that checks every commit runs
check:
	.ci/run

# unit tests and the checks of the sources, for each commit
quick:
	test/run quick

# every kind of test once
test:
	test/run

format:
	clang-format -i $$(git ls-files '*.c' '*.h')
	usertools/generate
