"""A real RTSP server, GStreamer's, for the system's Python: rtsp_server.py PORT USER:PASSWORD CERTIFICATE PATH=PIPELINE…

An empty USER:PASSWORD lets everybody in. With the file of a certificate and its key, which needs a user, it speaks TLS. Every
client gets the pipeline from its beginning. Prints its port once it listens.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402


def protect(server: GstRtspServer.RTSPServer, credentials: str, certificate: str) -> None:
    """Ask every client for user and password, by RTSP's digest."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(2)  # GST_RTSP_AUTH_DIGEST
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    user, _, password = credentials.partition(":")
    auth.add_digest(user, password, token)
    if certificate:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(certificate))
    server.set_auth(auth)


def factory_of(pipeline: str, protected: bool) -> GstRtspServer.RTSPMediaFactory:
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {pipeline} )")
    if protected:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
    return factory


def main() -> None:
    port, credentials, certificate, *mounts = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    if credentials:
        protect(server, credentials, certificate)
    for mount in mounts:
        path, _, pipeline = mount.partition("=")
        server.get_mount_points().add_factory(path, factory_of(pipeline, bool(credentials)))
    if not server.attach(None):
        sys.exit(f"cannot listen on port {port}")
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main()
