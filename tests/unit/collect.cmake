# SPDX-License-Identifier: MIT
mn_test(test_client SOURCES unit/test_client.c unit/fake_peer.c LIBS mn_collect PkgConfig::CMOCKA
	LABELS unit)
