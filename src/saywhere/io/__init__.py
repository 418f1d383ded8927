"""The only room that meets untrusted bytes: files, images, masks, overlays."""
