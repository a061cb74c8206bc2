# SPDX-License-Identifier: MIT
mn_test(test_link SOURCES unit/test_link.c LIBS mn_link PkgConfig::CMOCKA LABELS unit)

# The preload library comes first, linked and not preloaded: AddressSanitizer insists on being before whatever is preloaded.
mn_test(test_link_serial SOURCES unit/test_link_serial.c
	LIBS -Wl,--push-state,--no-as-needed,-lumockdev-preload,--pop-state
		mn_link PkgConfig::UMOCKDEV PkgConfig::CMOCKA LABELS unit)
