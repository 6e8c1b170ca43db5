/*
 * descriptor: finds usable interfaces in a device's raw USB descriptors.
 *
 * Called by the drivers after the transport has read the bytes. Pure; every length in them is
 * hostile (libusb 1.0.26 gives interfaces whose endpoints are NULL where a length is too long, so
 * its parsed form is not used). Source: USB 2.0, 9.6.
 */
#ifndef DOCKD_DESCRIPTOR_H
#define DOCKD_DESCRIPTOR_H

#include "../dockd/base/buf.h"

#define DESCRIPTOR_INTERFACES 16

struct usb_interface {
	uint8_t number;
	uint8_t class, subclass, protocol;
	uint8_t name_index;       /* of its string; 0 = none */
	uint8_t in, out;          /* bulk endpoint addresses; 0 = none */
	uint8_t event;            /* interrupt-IN endpoint address; 0 = none */
	uint16_t in_packet_bytes; /* 8..1024: a legal size, also where the descriptor lies */
};

/*
 * bytes: the device descriptor and then all configurations, as usbfs gives them. Collects the
 * interfaces (alternate setting 0) of the configuration with this value, or of the first one where
 * there is none such. The number found, at most DESCRIPTOR_INTERFACES.
 */
size_t descriptor_interfaces(const uint8_t *bytes, size_t len, uint8_t configuration,
    struct usb_interface out[DESCRIPTOR_INTERFACES]);

#endif
