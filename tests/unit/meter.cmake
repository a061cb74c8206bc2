# SPDX-License-Identifier: MIT
mn_test(test_window SOURCES unit/test_window.c LIBS mn_meter PkgConfig::CMOCKA m LABELS unit)
mn_test(test_meter SOURCES unit/test_meter.c LIBS mn_meter PkgConfig::CMOCKA LABELS unit)
mn_test(test_ppk2 SOURCES unit/test_ppk2.c unit/ppk2_model.c LIBS mn_meter PkgConfig::CMOCKA m LABELS unit)

# The real libusb on devices of umockdev, whose preload library is linked, not preloaded, and comes first: AddressSanitizer
# insists on being before whatever is preloaded.
mn_test(test_ppk2_usb SOURCES unit/test_ppk2_usb.c unit/ppk2_usb.c unit/ppk2_model.c unit/usb_fake.c
	LIBS -Wl,--push-state,--no-as-needed,-lumockdev-preload,--pop-state
		mn_meter PkgConfig::UMOCKDEV PkgConfig::CMOCKA m LABELS unit)
