# SPDX-License-Identifier: MIT
mn_test(test_window SOURCES unit/test_window.c LIBS mn_meter PkgConfig::CMOCKA m LABELS unit)
mn_test(test_power SOURCES unit/test_power.c unit/vboard_client.c
	LIBS mn_meter mn_probes PkgConfig::CMOCKA m ARGS ${mn_image_args} LABELS unit)
add_dependencies(test_power mnchar-vboard)
mn_test(test_energy SOURCES unit/test_energy.c LIBS mn_collect PkgConfig::CMOCKA PkgConfig::ZLIB m LABELS unit)
mn_test(test_meter SOURCES unit/test_meter.c LIBS mn_meter PkgConfig::CMOCKA LABELS unit)
mn_test(test_lpm01a SOURCES unit/test_lpm01a.c unit/lpm01a_model.c LIBS mn_meter PkgConfig::CMOCKA m LABELS unit)
mn_test(test_ppk2 SOURCES unit/test_ppk2.c unit/ppk2_model.c LIBS mn_meter PkgConfig::CMOCKA m LABELS unit)

# The real libusb on devices of umockdev, whose preload library is linked, not preloaded, and comes first: AddressSanitizer
# insists on being before whatever is preloaded.
set(mn_umockdev -Wl,--push-state,--no-as-needed,-lumockdev-preload,--pop-state)
set(mn_usb_fakes unit/usb_fake.c unit/meter_seen.c unit/ppk2_usb.c unit/ppk2_model.c unit/lpm01a_usb.c unit/lpm01a_model.c unit/js220_usb.c)
foreach(mn_name IN ITEMS ppk2_usb lpm01a_usb js220_usb)
	mn_test(test_${mn_name} SOURCES unit/test_${mn_name}.c ${mn_usb_fakes}
		LIBS ${mn_umockdev} mn_meter PkgConfig::UMOCKDEV PkgConfig::CMOCKA m LABELS unit)
endforeach()
mn_test(test_meter_vboard SOURCES unit/test_meter_vboard.c unit/vboard_client.c ${mn_usb_fakes}
	LIBS ${mn_umockdev} mn_meter mn_probes PkgConfig::UMOCKDEV PkgConfig::CMOCKA m ARGS ${mn_image_args} LABELS unit)
add_dependencies(test_meter_vboard mnchar-vboard)
mn_test(test_recording SOURCES unit/test_recording.c LIBS mn_meter PkgConfig::SQLITE PkgConfig::CMOCKA m LABELS unit)
add_dependencies(test_recording mnchar)
mn_test(test_doctor SOURCES unit/test_doctor.c LIBS PkgConfig::JANSSON PkgConfig::CMOCKA
	ARGS ${mn_image_args} LABELS unit TIMEOUT 900)
add_dependencies(test_doctor mnchar mnchar-vboard)
mn_test(test_ppk2_collect SOURCES unit/test_ppk2_collect.c ${mn_usb_fakes}
	LIBS ${mn_umockdev} mn_collect PkgConfig::UMOCKDEV PkgConfig::SQLITE PkgConfig::JANSSON PkgConfig::CMOCKA m
	ARGS ${mn_image_args} LABELS unit)
add_dependencies(test_ppk2_collect mnchar mnchar-vboard)
